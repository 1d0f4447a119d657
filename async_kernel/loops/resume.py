"""An asyncio loop that outlives KeyboardInterrupt, SystemExit and a lack of memory.

A loop of asyncio or uvloop lets the first two out of `run_forever`, whichever task or callback raised them. For a
program whose tasks are other people's code that is the end of everything because of one of them. A MemoryError comes
out when the loop itself has no memory for its own work.
"""

from __future__ import annotations

import asyncio
from asyncio.base_events import _run_until_complete_cb  # type: ignore[attr-defined]  # private
from collections.abc import Callable, Coroutine
from typing import Any

from async_kernel.stacks import runs_loops
from async_kernel.system.reserve import free

__all__ = ["resuming"]


@runs_loops
def resuming(factory: Callable[[], asyncio.AbstractEventLoop]) -> Callable[[], asyncio.AbstractEventLoop]:
    """Wrap a loop factory: `run_until_complete` of the loops that come out goes on until its future is done.

    The task that raised keeps its exception, and whoever awaits it gets it; a callback's is gone. `loop.stop()` by a
    task does not end `run_until_complete` either. The future's own outcome is the only way out.
    """

    def make() -> asyncio.AbstractEventLoop:
        loop = factory()
        own = loop.run_until_complete

        def run_until_complete(future: asyncio.Future[Any] | Coroutine[Any, Any, Any]) -> Any:
            if loop.is_running() or loop.is_closed():
                return own(future)  # raises the right exception
            task = asyncio.ensure_future(future, loop=loop)
            task.add_done_callback(_run_until_complete_cb)  # stops the loop; by this mark anyio knows a root task
            while not task.done():
                try:
                    loop.run_forever()
                except (KeyboardInterrupt, SystemExit):
                    continue
                except MemoryError:
                    free()
            return task.result()

        # Not a subclass: a factory may give a loop of any type, and users look at type(loop).
        vars(loop)["run_until_complete"] = run_until_complete
        return loop

    return make
