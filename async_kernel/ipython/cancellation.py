"""Cancellation of the task that runs a cell: which of it ends with the cell.

asyncio counts the cancellations of a task (`Task.cancelling`), and the lane's task runs one cell after another: what
was meant for one must not reach the next. trio's cancellation belongs to a scope, so
there is nothing to take back. Knows neither IPython nor requests, and loads no backend.
"""

from __future__ import annotations

import math
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

__all__ = ["absorb_cancellation", "cancellations"]


def cancellations() -> int:
    """How often the calling asyncio task was cancelled; 0 outside asyncio."""
    task = _asyncio_task()
    return task.cancelling() if task is not None else 0


async def absorb_cancellation(before: int, *, interrupted: bool) -> None:
    """Take back what cancelled the calling asyncio task since `cancellations()` was `before`.

    That is an interrupt, or a cell that cancels its own task. When neither is the case and the scope around the task
    is cancelled, its lane is ending: then nothing is taken back, and the next await raises.
    """
    task = _asyncio_task()
    if task is None or task.cancelling() <= before:
        return
    if not interrupted and _scope_cancelled():
        return
    import asyncio

    with suppress(asyncio.CancelledError):
        # The cell may have ended before its cancellation was raised: then it is raised by this await, not by the
        # next cell's. Before CPython 3.13 `uncancel` alone leaves it pending.
        await asyncio.sleep(0)
    while task.cancelling() > before:
        task.uncancel()


def _asyncio_task() -> asyncio.Task[object] | None:
    module = sys.modules.get("asyncio")
    if module is None:
        return None
    try:
        task: asyncio.Task[object] | None = module.current_task()
    except RuntimeError:  # no asyncio loop runs here
        return None
    return task


def _scope_cancelled() -> bool:
    anyio = sys.modules.get("anyio")
    return anyio is not None and anyio.current_effective_deadline() == -math.inf
