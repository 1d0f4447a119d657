"""Row 26: input() and getpass, from wherever they are called; each answer reaches its asker."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

import time

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe
from ..wire import Received


def _questions(kernel: Kernel) -> list[Received]:
    return [m for m in kernel.client.messages if m.msg_type == "input_request"]


def _says_so(text: str) -> bool:
    return any(word in text.lower() for word in ("stdin", "input request"))


def _serve(kernel: Kernel, request: str, count: int, seconds: float = 8.0) -> list[Received]:
    """Answer `count` questions of a cell with "to " and the prompt; return the questions.

    Between seeing a question and answering it the client waits, to see whether a second one comes on top of it.
    """
    client = kernel.client
    asked: list[Received] = []
    before = len(_questions(kernel)) - len([m for m in client.by_parent[request] if m.msg_type == "input_request"])

    def questions() -> list[Received]:
        return _questions(kernel)[before:]

    for number in range(count):
        client.wait(lambda: len(questions()) > number, seconds, f"prompt {number + 1} of {count}")
        settle = time.perf_counter() + 0.3
        while time.perf_counter() < settle:
            client.pump(0.05)
        if len(questions()) > number + 1:
            raise Missed("a second prompt comes before the first was answered")
        asked.append(questions()[number])
        client.answer(asked[-1], f"to {asked[-1].content['prompt']}")
    return asked


@probe(26, "input-main", "input() in a cell, sync and beside awaits")
def _(subject: Subject) -> Outcome:
    library = subject.backend
    with Kernel(subject) as kernel:
        for code in ("print(input('q '))", f"import {library}\nawait {library}.sleep(0)\nprint(input('q '))"):
            request = kernel.client.execute(code, allow_stdin=True)
            _serve(kernel, request, 1)
            cell = kernel.finish(request)
            if cell.text.splitlines()[-1:] != ["to q "]:
                raise Missed(f"gave {cell.text!r} {cell.error}")
    return passed()


@probe(26, "input-getpass", "getpass asks with password set")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        request = kernel.client.execute("import getpass\nprint(getpass.getpass('secret '))", allow_stdin=True)
        asked = _serve(kernel, request, 1)
        cell = kernel.finish(request)
        if not asked[0].content["password"] or cell.text != "to secret \n":
            raise Missed(f"password={asked[0].content['password']}, gave {cell.text!r} {cell.error}")
    return passed()


@probe(26, "input-thread", "input() in a thread that the cell waits for")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        request = kernel.client.execute(
            "import threading\ngot = []\nt = threading.Thread(target=lambda: got.append(input('q ')), daemon=True)\n"
            "t.start(); t.join(8); print(got)",
            allow_stdin=True,
        )
        asked = _serve(kernel, request, 1)
        cell = kernel.finish(request)
        if cell.text != "['to q ']\n":
            raise Missed(f"gave {cell.text!r} {cell.error}")
        if asked[0].parent != request:
            raise Missed("the prompt belongs to another cell")
    return passed()


@probe(26, "input-two-threads", "input() in two threads at once: one prompt at a time, each answer to its asker")
def _(subject: Subject) -> Outcome:
    code = """
import threading
got = {}
def ask(name):
    got[name] = input(name)
threads = [threading.Thread(target=ask, args=[name], daemon=True) for name in ('one', 'two', 'three')]
for t in threads: t.start()
for t in threads: t.join(8)
print(sorted(got.items()))
"""
    with Kernel(subject) as kernel:
        request = kernel.client.execute(code, allow_stdin=True)
        _serve(kernel, request, 3)
        cell = kernel.finish(request, 30)
        if cell.text != "[('one', 'to one'), ('three', 'to three'), ('two', 'to two')]\n":
            raise Missed(f"gave {cell.text!r} {cell.error}")
    return passed()


@probe(26, "input-executor", "input() in an executor while the cell awaits")
def _(subject: Subject) -> Outcome:
    code = {
        "asyncio": "import asyncio\nprint(await asyncio.wait_for(asyncio.to_thread(input, 'q '), 8))",
        "trio": "import trio\nprint(await trio.to_thread.run_sync(input, 'q '))",
    }[subject.backend]
    with Kernel(subject) as kernel:
        request = kernel.client.execute(code, allow_stdin=True)
        _serve(kernel, request, 1)
        cell = kernel.finish(request)
        if cell.text != "to q \n":
            raise Missed(f"gave {cell.text!r} {cell.error}")
    return passed()


@probe(26, "input-after-cell", "a thread that outlives its cell can ask in the cell's name")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        a = client.execute(
            "import threading\ngot, go = [], threading.Event()\n"
            "def ask():\n    go.wait(8)\n    got.append(input('q '))\n"
            "t = threading.Thread(target=ask, daemon=True); t.start()",
            allow_stdin=True,
        )
        kernel.finish(a)
        b = client.execute("go.set(); t.join(5); print(got)", allow_stdin=True)
        _serve(kernel, b, 1)
        cell = kernel.finish(b)
        if cell.text != "['to q ']\n":
            raise Missed(f"gave {cell.text!r} {cell.error}")
    return passed()


@probe(26, "input-refused", "input() is a clear error where the front end allows none, in threads too")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        cell = kernel.run("input('q ')", 5, allow_stdin=False)
        if not _says_so(cell.error):
            raise Missed(f"gave {cell.error or 'ok'}")
        cell = kernel.run(
            "import threading\ngot = []\ndef ask():\n    try: input('q ')\n"
            "    except BaseException as e: got.append(repr(e))\n"
            "t = threading.Thread(target=ask, daemon=True); t.start(); t.join(3); print(got)",
            10,
            allow_stdin=False,
        )
        if not _says_so(cell.text):
            raise Missed(f"a thread got {cell.text!r}")
    return passed(cell.text.strip())


@probe(
    26, "input-interrupted-thread", "an interrupt ends a cell whose thread waits for input, and the next prompt works"
)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        request = client.execute(
            "import threading\nt = threading.Thread(target=input, args=['q '], daemon=True); t.start(); t.join()",
            allow_stdin=True,
        )
        client.wait(lambda: any(m.msg_type == "input_request" for m in client.messages), 8, "the prompt")
        kernel.interrupt("message")
        client.reply(request, 5, "the reply to the interrupted cell")
        client.idle(request)
        client.messages.clear()
        second = client.execute("print(input('r '))", allow_stdin=True)
        _serve(kernel, second, 1)
        cell = kernel.finish(second)
        if cell.text != "to r \n":
            raise Missed(f"the next prompt gave {cell.text!r} {cell.error}")
    return passed()


def _debugged(subject: Subject, call: str) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        request = client.execute(f"x = 41\n{call}\nprint('went on')", allow_stdin=True)
        for number, answer in enumerate(["p x + 1", "c"]):
            client.wait(lambda: len(_questions(kernel)) > number, 8, f"prompt {number + 1} of the debugger")
            client.answer(_questions(kernel)[number], answer)
        cell = kernel.finish(request)
        if "42" not in cell.text or "went on" not in cell.text:
            raise Missed(f"gave {cell.text[-200:]!r} {cell.error}")
    return passed()


@probe(26, "input-pdb", "pdb.set_trace() asks, answers and goes on")
def _(subject: Subject) -> Outcome:
    return _debugged(subject, "import pdb; pdb.set_trace()")


@probe(26, "input-breakpoint", "breakpoint() asks, answers and goes on")
def _(subject: Subject) -> Outcome:
    return _debugged(subject, "breakpoint()")
