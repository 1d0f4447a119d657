"""Row 16: trio that lasts: a nursery spans cells and can be interrupted."""

from __future__ import annotations

import time

from ..kernel import Backend, Kernel, Subject
from ..probe import Missed, Outcome, passed, probe, within

TRIO: tuple[Backend, ...] = ("trio",)
TICK = "ticks = []\nasync def tick():\n    while True:\n        ticks.append(1)\n        await trio.sleep(0.01)\n"


def _ticking(kernel: Kernel) -> None:
    cell = kernel.need("count = len(ticks)\nawait trio.sleep(0.2)\nprint(len(ticks) > count)")
    if cell.text != "True\n":
        raise Missed("the task does not run in the next cell")


@probe(16, "trio-system-task", "a task started in one cell runs on in the next", TRIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(f"import trio\n{TICK}trio.lowlevel.spawn_system_task(tick)")
        _ticking(kernel)
    return passed()


@probe(16, "trio-nursery-entered", "a nursery entered in one cell, used in the next, left in a third", TRIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(f"import trio\n{TICK}manager = trio.open_nursery()\nnursery = await manager.__aenter__()")
        kernel.need("nursery.start_soon(tick)")
        _ticking(kernel)
        kernel.need("nursery.cancel_scope.cancel()\nawait manager.__aexit__(None, None, None)")
        cell = kernel.need("count = len(ticks)\nawait trio.sleep(0.1)\nprint(len(ticks) > count)")
        if cell.text != "False\n":
            raise Missed("the task runs on after its nursery")
    return passed()


@probe(16, "trio-nursery-interrupt", "an interrupt beside an open nursery ends the cell, not the nursery", TRIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(f"import trio\n{TICK}manager = trio.open_nursery()\nnursery = await manager.__aenter__()")
        kernel.need("nursery.start_soon(tick)")
        request = client.execute("print('ready')\nawait trio.sleep_forever()")
        client.wait(lambda: "ready" in client.text(request), 10, "the output before the hang")
        time.sleep(0.15)
        sent = kernel.interrupt("message")
        reply = client.reply(request, 5, "the reply to the interrupted cell")
        if not kernel.tells_interrupt(reply):
            raise Missed(kernel.cell(request, reply).error or "ok")
        client.idle(request)
        _ticking(kernel)
    return within(0.1, reply.at - sent)


@probe(16, "trio-nursery-cell", "a cell that holds a nursery open runs beside others, which use it", TRIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(f"import trio\n{TICK}")
        holder = client.execute(
            "%%task\nasync with trio.open_nursery() as nursery:\n    print('ready')\n    await trio.sleep_forever()"
        )

        def started() -> bool:
            return "ready" in client.text(holder) or client.find(holder, "execute_reply") is not None

        client.wait(started, 10, "the nursery")
        if early := client.find(holder, "execute_reply"):
            raise Missed(kernel.cell(holder, early).error or "the cell ended at once")
        kernel.need("nursery.start_soon(tick)", 5)
        _ticking(kernel)
        kernel.need("nursery.cancel_scope.cancel()")
        if not kernel.finish(holder, 5).ok:
            raise Missed("the cell that held the nursery failed")
    return passed()


@probe(16, "trio-error-in-nursery", "an error in a nursery is shown with its group", TRIO)
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        cell = kernel.run(
            "import trio\nasync def fail():\n    raise ValueError('inner')\n"
            "async with trio.open_nursery() as nursery: nursery.start_soon(fail)"
        )
        traceback = "\n".join(cell.reply.content.get("traceback", []))
        if "ExceptionGroup" not in cell.error or "inner" not in traceback:
            raise Missed(f"gave {cell.error or 'ok'}")
        kernel.need("await trio.sleep(0)")
    return passed()
