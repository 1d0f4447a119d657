"""Row 24: a request can carry a timeout or be detached; busy and idle tell the truth.

These are features of this project's own; the names are those of its issue: `timeout` (seconds) and `detach` (true) in
the metadata of an execute_request, `--shell.timeout` as a setting.
"""

from __future__ import annotations

from typing import Any

from ..kernel import Kernel, Subject
from ..probe import Missed, Outcome, passed, probe, within


def _timed_out(kernel: Kernel, code: str, limit: float, **options: Any) -> Outcome:
    client = kernel.client
    kernel.need("import time")
    request = client.execute(code, **options)
    start = client.wait(lambda: client.find(request, "execute_input"), 10, "execute_input")
    reply = client.reply(request, 5, "the reply at the deadline")
    client.idle(request)
    took = reply.at - start.at
    cell = kernel.cell(request, reply)
    if cell.ok or not ("timeout" in cell.error.lower() or "deadline" in cell.error.lower()):
        raise Missed(f"the cell gave {cell.error or 'ok'}")
    after = kernel.run("6 * 7", 5)
    if "42" not in after.displayed:
        raise Missed(f"the next cell gave {after.error or after.displayed}")
    return within(limit + 0.2, took, cell.error)


@probe(24, "deadline-blocked", "timeout in the metadata ends time.sleep and says so")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        return _timed_out(kernel, "time.sleep(8)", 0.5, metadata={"timeout": 0.5})


@probe(24, "deadline-awaiting", "timeout in the metadata ends an await and says so")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        library = subject.backend
        return _timed_out(kernel, f"import {library}\nawait {library}.sleep(8)", 0.5, metadata={"timeout": 0.5})


@probe(24, "deadline-setting", "--shell.timeout=0.5 ends cells and says so")
def _(subject: Subject) -> Outcome:
    if not subject.ours:
        raise Missed("no such setting")
    with Kernel(subject, extra=["--shell.timeout=0.5"]) as kernel:
        return _timed_out(kernel, "time.sleep(8)", 0.5)


@probe(24, "deadline-kept", "a cell that ends before its timeout is not touched, nor is the next")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import time")
        first = kernel.need("time.sleep(0.2); print('whole')", metadata={"timeout": 0.5})
        second = kernel.need("time.sleep(1); print('whole')")
        if first.text != "whole\n" or second.text != "whole\n":
            raise Missed(f"gave {first.text!r}, {second.text!r}")
    return passed()


@probe(24, "detach", "a detached cell: reply at once with an id, output and result later, the shell free meanwhile")
def _(subject: Subject) -> Outcome:
    code = "import time\nprint('start')\ntime.sleep(3)\nprint('end')\n'result'"
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("pass")
        request = client.execute(code, metadata={"detach": True})
        reply = client.reply(request, 10)
        if "end" in client.text(request):
            raise Missed("the reply comes at the end")
        if not any("id" in name for name in reply.content):
            raise Missed(f"no id in the reply: {sorted(reply.content)}")
        beside = kernel.need("print('beside')", 2)
        if beside.text != "beside\n" or "end" in client.text(request):
            raise Missed("the next cell waits for the detached one")
        client.wait(lambda: client.text(request) == "start\nend\n", 6, "the output of the detached cell")
        client.wait(lambda: "'result'" in client.displayed(request), 2, "the result of the detached cell")
        client.idle(request, 2)
    return passed()
