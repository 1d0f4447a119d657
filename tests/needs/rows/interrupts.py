"""Row 1: an interrupt always works, and never hits another cell than the one it was meant for."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

import random
import statistics
import time
from datetime import datetime
from typing import NamedTuple

from ..kernel import Backend, Kernel, Means, Subject
from ..probe import Missed, Outcome, passed, probe, within

__all__ = ["SHAPES", "Shape", "end_by_interrupt", "shapes_of"]

ANSWER_SECONDS = 3.0  # the slowest peer that answers at all takes 1.3 s
SETTLE_SECONDS = 0.15  # a cell can say that it is about to hang, not that it hangs


class Shape(NamedTuple):
    """A way to hang: `code` prints "ready" and hangs; `limit` is what the need allows, in seconds."""

    name: str
    code: str
    limit: float = 0.1
    backends: tuple[Backend, ...] = ("asyncio", "trio")
    waits_for_child: bool = False
    """A signal goes to the child as well, which ends. The cell may have gone on by then, and end by itself: in the main
    thread Python runs the handler first, in another thread there is no first."""


SHAPES = (
    Shape("time_sleep", "import time\nprint('ready')\ntime.sleep(60)"),
    Shape("endless_loop", "print('ready')\nwhile True: pass"),
    Shape("await_sleep", "import asyncio\nprint('ready')\nawait asyncio.sleep(60)", backends=("asyncio",)),
    Shape(
        "await_task",
        "import asyncio\nprint('ready')\ntask = asyncio.create_task(asyncio.sleep(60))\nawait task",
        backends=("asyncio",),
    ),
    Shape(
        "async_lock",
        "import asyncio\nlock = asyncio.Lock()\nawait lock.acquire()\nprint('ready')\nawait lock.acquire()",
        backends=("asyncio",),
    ),
    Shape(
        "to_thread",
        "import asyncio, time\nprint('ready')\nawait asyncio.to_thread(time.sleep, 20)",
        backends=("asyncio",),
    ),
    Shape(
        "await_beside_callback",
        "import asyncio, time\nloop, goes_on = asyncio.get_running_loop(), [True]\n"
        "def come_back():\n    if goes_on: loop.call_later(0.001, come_back)\n"
        "    end = time.monotonic() + 0.01\n    while time.monotonic() < end: pass\n"
        "come_back()\nprint('ready')\ntry: await asyncio.sleep(60)\nfinally: goes_on.clear()",
        backends=("asyncio",),
    ),
    Shape("trio_sleep", "import trio\nprint('ready')\nawait trio.sleep(60)", backends=("trio",)),
    Shape(
        "trio_nursery",
        "import trio\nprint('ready')\nasync with trio.open_nursery() as nursery:\n"
        "    nursery.start_soon(trio.sleep_forever)",
        backends=("trio",),
    ),
    Shape(
        "trio_lock",
        "import trio\nlock = trio.Semaphore(0)\nprint('ready')\nawait lock.acquire()",
        backends=("trio",),
    ),
    Shape(
        "trio_thread",
        "import trio, time\nprint('ready')\nawait trio.to_thread.run_sync(time.sleep, 20, abandon_on_cancel=True)",
        backends=("trio",),
    ),
    Shape(
        "trio_beside_task",
        "import trio, time\ngoes_on = [True]\nasync def come_back():\n    while goes_on:\n"
        "        end = time.monotonic() + 0.01\n        while time.monotonic() < end: pass\n"
        "        await trio.sleep(0.001)\n"
        "trio.lowlevel.spawn_system_task(come_back)\n"
        "print('ready')\ntry: await trio.sleep(60)\nfinally: goes_on.clear()",
        backends=("trio",),
    ),
    Shape("sleep_in_coroutine", "import time\nasync def hang():\n    print('ready')\n    time.sleep(60)\nawait hang()"),
    Shape(
        "in_finaliser",
        "class Hangs:\n    def __del__(self):\n        print('ready')\n        while True: pass\n"
        "hangs = Hangs()\ndel hangs",
    ),
    Shape("subprocess_run", "import subprocess\nprint('ready')\nsubprocess.run(['sleep', '60'])", waits_for_child=True),
    Shape("bang_sleep", "print('ready')\n!sleep 60", waits_for_child=True),
    Shape("print_flood", "print('ready')\nwhile True: print('x' * 80)"),
    Shape("input", "print('ready')\ninput('? ')"),
    Shape(
        "threading_lock",
        "import threading\nlock = threading.Lock()\nlock.acquire()\nprint('ready')\nlock.acquire()",
    ),
    Shape("queue_get", "import queue\nprint('ready')\nqueue.Queue().get()"),
    Shape("c_call", "print('ready')\nwhile True: sum(range(10_000_000))", limit=1.0),
)


def shapes_of(backend: Backend) -> list[Shape]:
    """The shapes that can be written on this backend."""
    return [shape for shape in SHAPES if backend in shape.backends]


def end_by_interrupt(kernel: Kernel, shape: Shape, means: Means, subshell: str | None = None) -> float:
    """Let a cell hang, interrupt it, and see that it ends, alone, and well.

    Returns the seconds from the interrupt to the error reply. Raises `Missed` when there is none, when it is no
    KeyboardInterrupt, when `idle` does not come, and when the next cell of the same shell is not what it should be.
    """
    client = kernel.client
    request = client.execute(shape.code, subshell=subshell, allow_stdin=True)
    client.wait(lambda: "ready" in client.text(request), 10, "the output before the hang")
    if shape.name == "input":
        client.wait(lambda: client.find(request, "input_request"), 10, "the prompt")
    if shape.name == "print_flood":
        client.pause("iopub")
        time.sleep(1.0)  # let the flood fill what there is between the kernel and a client that does not read
    time.sleep(SETTLE_SECONDS)
    sent = kernel.interrupt(means)
    try:
        reply = client.reply(request, ANSWER_SECONDS, "the reply to the interrupted cell")
    finally:
        client.resume("iopub")
    cell = kernel.cell(request, reply)
    ended_by_child = cell.ok and subshell is not None and means == "signal" and shape.waits_for_child
    if not (ended_by_child or kernel.tells_interrupt(reply)):
        raise Missed(f"the interrupted cell gave {cell.error or 'ok'}")
    client.idle(request, 20, "idle after the interrupt")
    if not (ended_by_child or client.outputs(request, "error")):
        raise Missed("no error output under the interrupted cell")
    after = kernel.run("6 * 7", 10, subshell=subshell)
    if not after.ok or "42" not in after.displayed:
        raise Missed(f"the next cell gave {after.error or after.displayed}")
    return reply.at - sent


def _enter(shape: Shape, place: str, means: Means) -> None:
    where = "" if place == "main" else " in a subshell"

    @probe(1, f"interrupt-{shape.name}-{place}-{means}", f"{shape.name}{where}, by {means}", shape.backends)
    def _(subject: Subject) -> Outcome:
        with Kernel(subject) as kernel:
            subshell = kernel.subshell() if place == "subshell" else None
            kernel.need("pass", subshell=subshell)
            # The first traceback of a process imports what formats tracebacks: told, but not judged as an interrupt.
            first = end_by_interrupt(kernel, shape, means, subshell)
            took = end_by_interrupt(kernel, shape, means, subshell)
        return within(shape.limit, took, first=first)


MEANS: tuple[Means, ...] = ("message", "signal")

for _shape in SHAPES:
    for _place in ("main", "subshell"):
        for _means in MEANS:
            _enter(_shape, _place, _means)


def _late(subject: Subject, means: Means) -> Outcome:
    """An interrupt sent about when a cell ends hits that cell or nothing, never the one that is sent afterwards."""
    chance = random.Random(1)
    hit = 0
    rounds = 40
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("import time")
        for turn in range(rounds):
            first = client.execute("time.sleep(0.03)")
            time.sleep(0.03 + chance.uniform(-0.003, 0.006))
            if means == "message":
                kernel.interrupt(means)
                request = client.messages  # the reply to the interrupt comes on control
                client.wait(lambda: sum(m.msg_type == "interrupt_reply" for m in request) > turn, 10, "interrupt_reply")
            else:
                kernel.interrupt(means)
            ended = kernel.finish(first, 10)
            hit += not ended.ok
            after = kernel.run("time.sleep(0.03); print('whole')", 10)
            if not after.ok or after.text != "whole\n":
                raise Missed(f"round {turn}: the next cell gave {after.error or after.text!r}")
    return passed(f"{hit} of {rounds} interrupts met the cell that was ending")


def _enter_late(means: Means) -> None:
    @probe(1, f"interrupt-late-{means}", f"a late interrupt never hits the next cell, by {means}")
    def _(subject: Subject) -> Outcome:
        return _late(subject, means)


for _means in MEANS:
    _enter_late(_means)


@probe(1, "interrupt-late-queued", "a late interrupt never hits a cell that was queued behind")
def _(subject: Subject) -> Outcome:
    chance = random.Random(2)
    judged = 0
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("import time")
        for turn in range(40):
            first = client.execute("time.sleep(0.03)", stop_on_error=False)
            second = client.execute("time.sleep(0.03); print('whole')", stop_on_error=False)
            time.sleep(0.03 + chance.uniform(-0.003, 0.004))
            sent = datetime.now().timestamp()
            kernel.interrupt("message")
            ended, after = kernel.finish(first, 10), kernel.finish(second, 10)
            when = ended.reply.header["date"]
            still_ran = datetime.fromisoformat(str(when)).timestamp() > sent
            judged += still_ran
            if still_ran and not after.ok:
                raise Missed(f"round {turn}: sent while the first cell ran, it hit the second")
            if not ended.ok and not after.ok:
                raise Missed(f"round {turn}: one interrupt ended two cells")
    return passed(f"{judged} of 40 interrupts were sent while the first cell ran")


@probe(1, "interrupt-idle", "an interrupt of an idle kernel does nothing, and nothing later")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import time")
        for means in MEANS:
            kernel.interrupt(means)
            time.sleep(SETTLE_SECONDS)
            after = kernel.run("time.sleep(0.2); print('whole')", 10)
            if after.text != "whole\n":
                raise Missed(f"after an idle interrupt by {means} the next cell gave {after.error or after.text!r}")
    return passed()


@probe(1, "interrupt-swallowed", "a second interrupt ends code that swallows the first")
def _(subject: Subject) -> Outcome:
    code = (
        "import time\nprint('ready')\nwhile True:\n    try:\n        while True: time.sleep(0.01)\n"
        "    except KeyboardInterrupt: print('swallowed')"
    )
    with Kernel(subject) as kernel:
        client = kernel.client
        request = client.execute(code)
        client.wait(lambda: "ready" in client.text(request), 10, "the output before the hang")
        for count in range(1, 4):
            time.sleep(SETTLE_SECONDS)
            sent = kernel.interrupt("message")
            try:
                reply = client.reply(request, 1.5)
            except Missed:
                continue
            after = kernel.run("6 * 7", 10)
            if "42" not in after.displayed:
                raise Missed(f"the next cell gave {after.error or after.displayed}")
            return within(1.0, reply.at - sent, f"ended by interrupt {count}")
    raise Missed("three interrupts did not end it")


@probe(1, "interrupt-finally", "finally blocks of an interrupted cell run and print into it")
def _(subject: Subject) -> Outcome:
    sleeps = {"asyncio": "asyncio", "trio": "trio"}[subject.backend]
    code = f"import {sleeps}\ntry:\n    print('ready')\n    await {sleeps}.sleep(60)\nfinally:\n    print('cleaned')"
    with Kernel(subject) as kernel:
        client = kernel.client
        for _ in range(2):  # the second is judged: as above
            request = client.execute(code)
            client.wait(lambda: "ready" in client.text(request), 10, "the output before the hang")
            time.sleep(SETTLE_SECONDS)
            sent = kernel.interrupt("message")
            reply = client.reply(request, ANSWER_SECONDS, "the reply to the interrupted cell")
            client.idle(request)
            if client.text(request) != "ready\ncleaned\n":
                raise Missed(f"the cell printed {client.text(request)!r}")
        return within(0.1, reply.at - sent)


@probe(1, "interrupt-queue", "an interrupt ends one cell; what is queued behind follows stop_on_error")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("import time")
        seen = {}
        for stop in (True, False):
            running = client.execute("print('ready'); time.sleep(60)", stop_on_error=stop)
            queued = client.execute("print('queued')")
            client.wait(lambda: "ready" in client.text(running), 10, "the output before the hang")
            time.sleep(SETTLE_SECONDS)
            kernel.interrupt("message")
            first = client.reply(running, ANSWER_SECONDS, "the reply to the interrupted cell")
            behind = client.reply(queued, 5, "the reply to the queued cell")
            client.idle(queued, 5, "idle of the queued cell")
            status = behind.content["status"]
            # Released kernels answer "aborted"; the spec has since folded it into "error" (messaging, "Request-Reply").
            seen[stop] = (first.content["status"], "ok" if status == "ok" else "not run")
            if status != "ok" and client.text(queued):
                raise Missed("an aborted cell ran")
        if seen != {True: ("error", "not run"), False: ("error", "ok")}:
            raise Missed(f"stop_on_error on, off: {seen}")
    return passed()


@probe(1, "interrupt-again", "twenty interrupts of mixed shapes in one kernel")
def _(subject: Subject) -> Outcome:
    chance = random.Random(3)
    shapes = [shape for shape in shapes_of(subject.backend) if shape.name not in ("print_flood", "c_call")]
    times = []
    with Kernel(subject) as kernel:
        for turn in range(20):
            shape, means = chance.choice(shapes), chance.choice(MEANS)
            try:
                times.append(end_by_interrupt(kernel, shape, means))
            except Missed as missed:
                raise Missed(f"round {turn}, {shape.name} by {means}: {missed}") from None
    return within(0.05, statistics.median(times), worst=max(times))
