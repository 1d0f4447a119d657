"""Starting a task that belongs to no other, or a thread with a loop."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from .nested import set_aside

if TYPE_CHECKING:
    import asyncio

__all__ = ["spawn_task", "spawn_thread"]

_tasks: set[asyncio.Task[Any]] = set()  # asyncio itself keeps none of them alive


def spawn_task(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Start `main()` as a task of the running loop, in a copy of the calling context.

    It is cancelled when the loop ends, and waited for. `main` must not raise.
    """
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            trio.lowlevel.spawn_system_task(main, context=contextvars.copy_context())
            return
    import asyncio

    task = asyncio.get_running_loop().create_task(main())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def spawn_thread(
    run_loop: Callable[[Callable[[], Coroutine[Any, Any, None]]], None],
    main: Callable[[], Coroutine[Any, Any, None]],
    failed: Callable[[BaseException], None],
) -> None:
    """Start a thread that runs `main()` on a loop of its own, in a copy of the calling context.

    `run_loop(main)` runs a loop until `main()` is done; `failed(error)` is called in the thread with the exception that
    it raises; in the calling one when no thread can be started.
    """

    def run() -> None:
        try:
            with set_aside():  # the context still says that the caller's loop runs
                run_loop(main)
        except BaseException as error:
            failed(error)

    context = contextvars.copy_context()
    try:
        threading.Thread(target=context.run, args=(run,), name="cell", daemon=True).start()
    except RuntimeError as error:  # the system gives no more
        failed(error)
