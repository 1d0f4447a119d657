"""Finds where a loop is blocked. It runs in the kernel's process: a cell imports it and calls `watch()`.

A step is what a loop does between two looks at what is ready: a callback of asyncio, a step of a task of trio. In one
nothing may wait. It has waited when more time has passed than the thread was given by the processor or stood in the
queue for it: so a machine that is busy makes no difference. Beside that, calls that can wait for long are found by
their audit events, however short they were this time.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from async_kernel.stacks import Owner, mark, runs_loops

__all__ = ["LIMIT", "found", "watch"]

LIMIT = 0.05
"""Seconds. Other threads hold the GIL for 5 ms at a time, and the kernel counts the processor's time by ticks."""

WAITS = frozenset(
    [
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.system",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
        "time.sleep",  # since CPython 3.13
    ]
)
"""Audit events of calls that can wait for long."""

found: list[str] = []
"""Each wait, with the calls that led to it."""

_step = threading.local()


def watch() -> None:
    """Begin, in the loop that runs here."""
    sys.addaudithook(_hear)
    if "trio" in sys.modules and not _runs_asyncio():
        import trio

        instrument: Any = _Instrument()  # no class of trio's, which need not be there
        trio.lowlevel.add_instrument(instrument)
    else:
        _wrap_callbacks()


def _runs_asyncio() -> bool:
    try:
        return asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


class _Instrument:
    """Told by trio of each step."""

    def before_task_step(self, task: Any) -> None:
        _begin()

    def after_task_step(self, task: Any) -> None:
        _end(task.name)


@runs_loops  # as `_run` does
def _wrap_callbacks() -> None:
    run = asyncio.Handle._run

    def _run(self: asyncio.Handle) -> None:
        _begin()
        try:
            run(self)
        finally:
            _end(repr(self))

    asyncio.Handle._run = _run  # type: ignore[method-assign]  # it is to be exchanged


def _begin() -> None:
    _step.began = time.perf_counter(), _served()


def _end(name: str) -> None:
    began, _step.began = getattr(_step, "began", None), None
    if began is None:  # it was in this step that the watch began
        return
    waited = time.perf_counter() - began[0] - (_served() - began[1])
    if waited > LIMIT:
        found.append(f"{waited:.3f} s in {name}")


def _served() -> float:
    """Seconds for which this thread had a processor or stood in the queue for one (proc(5), schedstat)."""
    ran, queued, _ = Path("/proc/thread-self/schedstat").read_text().split()
    return (int(ran) + int(queued)) / 1e9


def _hear(event: str, arguments: tuple[object, ...]) -> None:
    if event in WAITS and getattr(_step, "began", None) is not None:
        found.append("".join([f"{event}{arguments!r:.100}\n", *traceback.format_stack(sys._getframe(1), 30)]))


for _function in (_Instrument, _begin, _end, _served, _hear):
    mark(_function, Owner.KERNEL)
