"""Row 7: cells that run concurrently, in subshells and marked as tasks or threads."""

from __future__ import annotations

from typing import Any

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe

WAIT = {
    "task": "import time, LIB\nprint('A start')\nend = time.monotonic() + 6\n"
    "while not go.is_set() and time.monotonic() < end: await LIB.sleep(0.01)\nprint('A end', go.is_set())\n'result A'",
    "thread": "print('A start')\ngo.wait(6)\nprint('A end', go.is_set())\n'result A'",
}


def _overlap(kernel: Kernel, a: str, b: str) -> None:
    """Let cell A, sent before, wait for what cell B does; both have to be whole."""
    client = kernel.client
    ended = kernel.finish(b, 10)
    if not client.find(a, "execute_reply") and ended.text != "B\n":
        raise Missed(f"cell B gave {ended.text!r} {ended.error}")
    first = kernel.finish(a, 10)
    if not first.ok:
        raise Missed(f"cell A gave {first.error}")
    client.wait(lambda: "A end" in client.text(a), 2, "the output of cell A")
    if client.text(a) != "A start\nA end True\n":
        raise Missed("cell B waits for cell A" if "False" in client.text(a) else f"cell A shows {client.text(a)!r}")
    if client.displayed(a) != ["'result A'"] or client.displayed(b) != ["'result B'"]:
        raise Missed(f"results: A {client.displayed(a)}, B {client.displayed(b)}")
    if client.text(b) != "B\n":
        raise Missed(f"cell B shows {client.text(b)!r}")
    counts = [client.reply(one).content.get("execution_count") for one in (a, b)]
    if None in counts or counts[0] == counts[1]:
        raise Missed(f"execution counts {counts}")


def _marked(subject: Subject, kind: str, first_line: str, metadata: dict[str, Any]) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import threading\ngo = threading.Event()")
        code = first_line + WAIT[kind].replace("LIB", subject.backend)
        a = kernel.client.execute(code, metadata=metadata)
        b = kernel.client.execute("go.set()\nprint('B')\n'result B'")
        _overlap(kernel, a, b)
    return passed()


def _enter(kind: str, how: str, first_line: str, metadata: dict[str, Any]) -> None:
    @probe(7, f"cells-{kind}-{how}", f"a cell marked as a {kind} by {how} runs beside the next")
    def _(subject: Subject) -> Outcome:
        return _marked(subject, kind, first_line, metadata)


for _kind in ("task", "thread"):
    _enter(_kind, "magic", f"%%{_kind}\n", {})
    _enter(_kind, "tag", "", {"tags": [_kind]})
    _enter(_kind, "directive", f"# {_kind}\n", {})


@probe(7, "cells-thread-names", "names that a %%thread cell sets are there in the next cell")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("%%thread\nset_in_thread = 5")
        if kernel.need("print(set_in_thread)").text != "5\n":
            raise Missed("the name is not there")
    return passed()


@probe(7, "cells-task-interrupt", "an interrupt ends the cell in the foreground and leaves a marked one alone")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("import threading\ngo = threading.Event()")
        a = client.execute("%%thread\n" + WAIT["thread"])
        b = client.execute("import time\nprint('ready')\ntime.sleep(60)")

        def started() -> bool:
            return "ready" in client.text(b) or client.find(a, "execute_reply") is not None

        client.wait(started, 10, "the start of the second cell")
        if "ready" not in client.text(b):
            raise Missed("the cells do not overlap")
        kernel.interrupt("message")
        if not kernel.tells_interrupt(client.reply(b, 5, "the reply to the interrupted cell")):
            raise Missed("the foreground cell did not end in KeyboardInterrupt")
        kernel.need("go.set()")
        first = kernel.finish(a, 10)
        if "A end True" not in first.text or not first.ok:
            raise Missed(f"the marked cell gave {first.text!r} {first.error}")
    return passed()


def _subshell(subject: Subject, hold: str) -> Outcome:
    with Kernel(subject) as kernel:
        subshell = kernel.subshell()
        kernel.need("import threading, time\ngo = threading.Event()")
        kernel.need("pass", subshell=subshell)
        a = kernel.client.execute(hold)
        kernel.client.wait(lambda: "A start" in kernel.client.text(a), 10, "the start of cell A")
        b = kernel.client.execute("go.set()\nprint('B')\n'result B'", subshell=subshell)
        _overlap(kernel, a, b)
    return passed()


@probe(7, "subshell-blocked", "a subshell runs a cell while the main shell blocks")
def _(subject: Subject) -> Outcome:
    return _subshell(subject, WAIT["thread"])


@probe(7, "subshell-awaiting", "a subshell runs a cell while the main shell awaits")
def _(subject: Subject) -> Outcome:
    return _subshell(subject, WAIT["task"].replace("LIB", subject.backend))


@probe(7, "subshell-await", "await works in a subshell")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        cell = kernel.need(
            f"import {subject.backend}\nawait {subject.backend}.sleep(0.01)\nprint('slept')", subshell=kernel.subshell()
        )
        if cell.text != "slept\n":
            raise Missed(f"gave {cell.text!r}")
    return passed()


@probe(7, "subshell-three", "three subshells at once: outputs, names, replies and deletion")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        shells = [kernel.subshell() for _ in range(3)]
        if len(set(shells)) != 3:
            raise Missed(f"ids {shells}")
        listed = client.reply(client.send("control", "list_subshell_request"), 5, "list_subshell_reply")
        if sorted(listed.content["subshell_id"]) != sorted(shells):
            raise Missed(f"listed {listed.content}")
        kernel.need("import threading\nall_in = threading.Barrier(4, timeout=6)")
        requests = [
            client.execute(f"print('in {n}')\nall_in.wait()\nname_{n} = {n}\nprint('out {n}')", subshell=shell)
            for n, shell in enumerate([None, *shells])
        ]
        for n, request in enumerate(requests):
            cell = kernel.finish(request, 10)
            if cell.text != f"in {n}\nout {n}\n":
                raise Missed(f"subshell {n} gave {cell.text!r} {cell.error}")
            if n and cell.reply.header.get("subshell_id", shells[n - 1]) != shells[n - 1]:
                raise Missed("an answer comes from another subshell")
        if kernel.need("print(name_0, name_1, name_2, name_3)").text != "0 1 2 3\n":
            raise Missed("names are not shared")
        for shell in shells:
            client.reply(
                client.send("control", "delete_subshell_request", {"subshell_id": shell}), 5, "delete_subshell_reply"
            )
        listed = client.reply(client.send("control", "list_subshell_request"), 5, "list_subshell_reply")
        if listed.content["subshell_id"]:
            raise Missed(f"listed after deletion {listed.content}")
        kernel.need("1")
    return passed()


@probe(7, "subshell-unknown", "a request for a subshell that is not there gets an error reply")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.subshell()
        request = kernel.client.execute("print('ran')", subshell="00000000-none")
        reply = kernel.client.reply(request, 3, "an answer for an unknown subshell")
        if reply.content["status"] == "ok":
            raise Missed("the cell ran")
        kernel.client.idle(request, 3)
        kernel.need("1")
    return passed()
