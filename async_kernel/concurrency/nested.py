"""Loops inside loops: code that runs an event loop of its own, called while one runs in the same thread already.

The running loop is *set aside* for that long: everything by which asyncio, trio, anyio and sniffio see that a loop runs
in this thread is taken away, and put back afterwards. It does nothing meanwhile. `async_kernel.concurrency.runners`
has the functions that users call do that; who interrupts a thread finds here which loop it is in.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol

__all__ = ["InnerLoop", "entered", "has_set_aside", "innermost", "leave_inner", "set_aside"]


class InnerLoop(Protocol):
    """A loop that runs inside another. Both methods are those of a `Portal`."""

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """Run `function(*args)` soon in the loop's thread; False when the loop is gone. Callable from any thread."""

    def end_wait(self) -> None:
        """End the coroutine that the loop was run for. Call it in the loop's thread."""


_depths: dict[int, int] = {}  # thread -> how many loops it has set aside
_inner: dict[int, list[InnerLoop]] = {}  # thread -> the loops within its loop, innermost last


def innermost(thread: int) -> InnerLoop | None:
    """The loop that runs in `thread` while another is set aside, or None. Callable from any thread."""
    loops = _inner.get(thread)
    return loops[-1] if loops else None


def has_set_aside() -> bool:
    """Whether the calling thread has set a loop aside."""
    return threading.get_ident() in _depths


@contextmanager
def entered(loop: InnerLoop) -> Iterator[None]:
    """Let `innermost` give `loop` for the calling thread."""
    thread = threading.get_ident()
    loops = _inner.setdefault(thread, [])
    loops.append(loop)
    try:
        yield
    finally:
        loops = _inner.get(thread, [])
        if loop in loops:  # else it was left
            loops.remove(loop)
        if not loops:
            _inner.pop(thread, None)


@contextmanager
def leave_inner(thread: int) -> Iterator[None]:
    """Forget, at the end, loops that were entered meanwhile and are not left: they wait in a greenlet."""
    before = list(_inner.get(thread, ()))
    try:
        yield
    finally:
        if before:
            _inner[thread] = before
        else:
            _inner.pop(thread, None)


@contextmanager
def set_aside() -> Iterator[None]:
    """While inside, the calling thread runs no event loop, as far as anybody can see. Does nothing when it runs none.

    The loop's state in this thread: asyncio's running loop and current task, trio's run context, sniffio's marks
    (which anyio asks), the hooks of async generators, and in the main thread the descriptor that signals wake it by.
    """
    with ExitStack() as restore:
        _set_sniffio_aside(restore)
        if _set_asyncio_aside(restore) | _set_trio_aside(restore):
            _set_hooks_aside(restore)
            thread = threading.get_ident()
            _depths[thread] = _depths.get(thread, 0) + 1
            restore.callback(_leave, thread)
        yield


def _leave(thread: int) -> None:
    _depths[thread] -= 1
    if not _depths[thread]:
        del _depths[thread]


def _set_asyncio_aside(restore: ExitStack) -> bool:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    loop = asyncio._get_running_loop()
    if loop is None:
        return False
    task = asyncio.current_task(loop)
    if task is not None:  # from CPython 3.14 on a thread has one current task, whatever its loop
        asyncio.tasks._leave_task(loop, task)
    asyncio._set_running_loop(None)

    def back() -> None:
        asyncio._set_running_loop(loop)
        if task is not None:
            asyncio.tasks._enter_task(loop, task)

    restore.callback(back)
    return True


def _set_trio_aside(restore: ExitStack) -> bool:
    trio = sys.modules.get("trio")
    if trio is None or not hasattr(trio, "lowlevel") or not trio.lowlevel.in_trio_run():
        return False
    # trio has no public way: it keeps its runner and task in a thread-local object and refuses to run while they are.
    context: dict[str, Any] = vars(trio._core._run.GLOBAL_RUN_CONTEXT)
    outer = dict(context)
    context.clear()

    def back() -> None:
        context.clear()
        context.update(outer)

    restore.callback(back)
    return True


def _set_sniffio_aside(restore: ExitStack) -> None:
    sniffio = sys.modules.get("sniffio")
    if sniffio is None or not hasattr(sniffio, "thread_local"):
        return
    name, sniffio.thread_local.name = sniffio.thread_local.name, None
    restore.callback(setattr, sniffio.thread_local, "name", name)
    token = sniffio.current_async_library_cvar.set(None)
    restore.callback(sniffio.current_async_library_cvar.reset, token)


def _set_hooks_aside(restore: ExitStack) -> None:
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    restore.callback(sys.set_asyncgen_hooks, *hooks)
    if threading.current_thread() is threading.main_thread():
        # trio warns when it finds one, and uvloop's own stays behind when its loop is left by an exception.
        descriptor = signal.set_wakeup_fd(-1)
        restore.callback(signal.set_wakeup_fd, descriptor, warn_on_full_buffer=False)
