"""The aftermath of an interrupt: the exception was raised, and may be dropped or caught on its way out.

C code that calls Python code may drop an exception: `__del__` and callbacks of weak references and of ctypes,
Qt's C++. User code may catch it and go on. Both are seen by tracing the frames that it passes, for that moment only.
Nothing is done while a debugger traces the thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from async_kernel.stacks import Owner, Stack, callers, owner_of
from async_kernel.stacks.tracing import CLEAN_UP, Tracing, is_traced, stands_at
from async_kernel.system.real import real

__all__ = ["FirmInterrupt", "raise_on_return", "reraise_if_caught", "reraise_if_dropped"]

INSIST_SECONDS = 1.0
"""How long after its end was asked for a wait may begin to end."""


class FirmInterrupt(BaseException):
    """An interrupt that `except KeyboardInterrupt` does not take in, while `finally` and `with` do their part.

    For a loop that answers KeyboardInterrupt by asking again, as debuggers do. It is shown as KeyboardInterrupt.
    """


def reraise_if_dropped(stack: Stack, again: bool) -> None:
    """Follow the KeyboardInterrupt that the caller raises next where `stack` stands, out to the end of the user's code.

    One that C code drops, or makes another of, is raised once more where Python code goes on. With `again`, one that
    user code takes in is raised once more in the handler or `finally` block that does: in the midst of it nothing of
    the same `try` catches it.
    """
    if sys.gettrace() is not None:
        return
    passed: FrameType | None = None  # the frame that it was seen in last
    tracing = Tracing()

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal passed
        if event == "exception" and issubclass(arg[0], KeyboardInterrupt):
            passed = frame
        elif frame is not passed:  # goes on, or has another exception, though its callee was left by this one
            tracing.stop()
            raise KeyboardInterrupt
        elif (event == "line" or (event == "opcode" and not again)) and not _cleans_up(frame):  # between lines handlers
            tracing.stop()
            if again:
                raise KeyboardInterrupt
            return None
        return trace

    def leave(frame: FrameType, event: str, arg: object) -> None:
        tracing.stop()

    passes, end = stack.way_out()
    if end is None or not passes:
        return
    tracing.start(passes, trace, each_instruction=True)  # two calls may be on one line
    tracing.start([end], leave)


def raise_on_return(claim: Callable[[], bool]) -> None:
    """Raise KeyboardInterrupt, if `claim()` says yes, when the caller of the main loop that runs us goes on.

    By the next trace event there, earlier than any signal: no line behind the dismissed dialog runs.
    """
    frame = callers().outside()
    if frame is None or is_traced():  # by a debugger: the next signal has to do
        return
    tracing = Tracing()

    def deliver(frame: FrameType, event: str, arg: object) -> None:
        tracing.stop()
        if claim():
            raise KeyboardInterrupt

    tracing.start([frame], deliver)


def reraise_if_caught(is_over: Callable[[], bool]) -> None:
    """Have KeyboardInterrupt raised in the handler or `finally` block of user code that takes in the end of a wait: a
    cancellation, or an interrupt that a loop throws in. To be called in the loop's thread just before it is asked for.

    It may be the end of another task's wait, which the one that is meant awaits. Tracing ends with the first that is
    raised, when an exception has come out to an entry, with `is_over()`, and after INSIST_SECONDS. Code of loops and of
    the standard library stays whole: nothing is raised again in there.
    """
    if sys.gettrace() is not None:
        return
    end = real.monotonic() + INSIST_SECONDS
    passed: FrameType | None = None

    def call(frame: FrameType, event: str, arg: object) -> Any:
        if is_over() or real.monotonic() > end:
            sys.settrace(None)
        elif (owner := owner_of(frame)) is Owner.ENTRY:
            return leave
        elif owner is Owner.USER:
            return trace
        return None

    def leave(frame: FrameType, event: str, arg: object) -> Any:
        if event == "exception" and sys.gettrace() is call:
            sys.settrace(None)
        return leave

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal passed
        if sys.gettrace() is not call:
            return None
        if event == "exception" and not issubclass(arg[0], Exception):
            passed = frame
        elif event == "line" and frame is passed and not _cleans_up(frame):
            sys.settrace(None)
            raise KeyboardInterrupt
        return trace

    sys.settrace(call)


def _cleans_up(frame: FrameType) -> bool:
    """Whether the next instruction of a frame, or the one behind it, only cleans up after an exception."""
    return stands_at(frame, CLEAN_UP, ahead=1)
