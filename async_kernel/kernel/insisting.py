"""Coroutines of cells, driven so that an interrupt can insist: the second one ends a cell that takes the first one in.

Between the task and the cell's coroutine stands a generator that hands on what either says to the other. Once an
interrupt insists, the cell is not told what it waited for, but gets KeyboardInterrupt, which is raised again in the
handler that takes it in. Knows no loops: asyncio's futures are recognised when there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Coroutine, Generator, Iterator
from functools import partial
from types import CodeType, FrameType, coroutine
from typing import Any, TypeVar

__all__ = ["Insistence", "drive"]

T = TypeVar("T")

MACHINERY = frozenset({"async_kernel", "anyio", "asyncio", "contextlib", "outcome", "trio", "uvloop", "winloop"})
"""What has to stay whole: it is not raised again in there."""


class Insistence:
    """What an interrupt and the driver tell each other: `is_due` once the wait that it ends is to end the cell,
    `went_on` once the end of a wait has led to another: two interrupts at once are one. `entries` are the functions
    that call user code."""

    __slots__ = ("entries", "is_due", "went_on")

    def __init__(self) -> None:
        self.is_due = False
        self.went_on = False
        self.entries: Collection[CodeType] = ()


@coroutine
def drive(inner: Coroutine[Any, Any, T], insistence: Insistence) -> Generator[Any, Any, T]:
    """Await `inner` and return what it returns. Where `insistence` is due when a wait has ended, KeyboardInterrupt is
    what the wait gives."""
    go_on: Callable[[], Any] = partial(inner.send, None)
    while True:
        try:
            awaited = go_on()
        except StopIteration as end:
            result: T = end.value
            return result
        insistence.went_on = True
        try:
            value = yield from _wait(awaited, insistence)
        except GeneratorExit:
            inner.close()
            raise
        except BaseException as error:
            go_on = partial(inner.throw, error)
        else:
            go_on = partial(inner.send, value)
        if insistence.is_due:
            insistence.is_due = False
            go_on = partial(_throw, inner, insistence.entries)


def _wait(awaited: Any, insistence: Insistence) -> Generator[Any, Any, Any]:
    """Wait for what is awaited. A cancellation of a task that awaits another task, or several, is that of the others
    alone, which may not take it as their end; here the wait ends all the same when an interrupt insists."""
    asyncio = sys.modules.get("asyncio")
    if (
        asyncio is None
        or not isinstance(awaited, asyncio.Future)
        or type(awaited) is asyncio.Future  # ends when it is cancelled
        or awaited is asyncio.current_task()
    ):
        return (yield awaited)
    awaited._asyncio_future_blocking = False  # see asyncio.Future.__await__
    while not awaited.done():
        gate: Any = awaited.get_loop().create_future()
        wake = partial(_open, gate)
        awaited.add_done_callback(wake)
        try:
            yield from gate
        except asyncio.CancelledError as error:
            if insistence.is_due or not awaited.cancel(*error.args):
                raise
            insistence.went_on = True
        finally:
            awaited.remove_done_callback(wake)
    return None


def _open(gate: Any, done: object) -> None:
    if not gate.done():
        gate.set_result(None)


def _throw(inner: Coroutine[Any, Any, Any], entries: Collection[CodeType]) -> Any:
    """Throw KeyboardInterrupt into a coroutine, and raise it again in the handler or `finally` block of the user's that
    takes it in; by tracing, until the coroutine waits again. While a debugger traces this thread it is just thrown."""
    if sys.gettrace() is not None:
        return inner.throw(KeyboardInterrupt())

    frames = set(_frames(inner))  # and none that these call on the way, such as `__exit__`

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code in entries:  # the exception has left the user's code: it goes from the inside out
            sys.settrace(None)
            return None
        if frame not in frames:
            return None
        if event == "line" and not _leaves_with(frame):
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        return inner.throw(KeyboardInterrupt())
    finally:
        sys.settrace(None)


def _frames(awaited: Any) -> Iterator[FrameType]:
    """The frames of a coroutine and of what it awaits, without those of libraries that have to stay whole."""
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] not in MACHINERY:
            yield frame
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)


def _leaves_with(frame: FrameType) -> bool:
    """Whether a frame is about to leave a `with` block by an exception: its context manager is to hear of it."""
    from opcode import opmap

    code, at = frame.f_code.co_code, frame.f_lasti
    return opmap["WITH_EXCEPT_START"] in code[at : at + 4 : 2]
