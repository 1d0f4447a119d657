"""What becomes of a KeyboardInterrupt after it was raised: somebody may take it in who was not meant to.

C code that calls Python code may drop what is raised there: `__del__` and callbacks of weak references and of ctypes,
Qt's C++. User code may catch it and go on. Both are seen by tracing the frames that it passes, for that moment only.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from types import CodeType, FrameType
from typing import Any

__all__ = ["follow"]

PACKAGE = __name__.partition(".")[0]


def follow(frame: FrameType | None, entries: Collection[CodeType], again: bool) -> None:
    """Follow the KeyboardInterrupt that the caller raises at `frame` next, out to the end of the user's code.

    One that C code drops, or makes another of, is raised once more where Python code goes on. With `again`, one that
    user code takes in is raised once more in the handler or `finally` block that does: in the midst of it nothing of
    the same `try` catches it. `entries` are the functions that call user code. Does nothing while a debugger traces
    this thread.
    """
    if sys.gettrace() is not None:
        return
    passed: FrameType | None = None  # the frame that it was seen in last
    frames: list[FrameType] = []

    def trace(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal passed
        if event == "exception" and issubclass(arg[0], KeyboardInterrupt):
            passed = frame
        elif frame is not passed:  # goes on, or has another exception, though what it called was left by this one
            stop()
            raise KeyboardInterrupt
        elif event == "line" or (event == "opcode" and not again):  # not between lines: the handler is set up there
            stop()
            if again:
                raise KeyboardInterrupt
            return None
        return trace

    def leave(frame: FrameType, event: str, arg: object) -> None:
        stop()

    def stop() -> None:
        sys.settrace(None)
        while frames:
            each = frames.pop()
            each.f_trace, each.f_trace_opcodes = None, False

    while frame is not None and frame.f_code not in entries and not _is_ours(frame):
        frame.f_trace, frame.f_trace_opcodes = trace, True  # two calls may be on one line
        frames.append(frame)
        frame = frame.f_back
    if frame is not None and frames:
        frame.f_trace = leave
        frames.append(frame)
        sys.settrace(lambda frame, event, arg: None)


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] == PACKAGE
