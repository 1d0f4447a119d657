"""Where user code runs in a thread, seen by the frames of its stack: where KeyboardInterrupt may be raised."""

from __future__ import annotations

from collections.abc import Collection
from types import CodeType, FrameType

__all__ = ["beside", "may_raise"]

DEBUGGER = ("pydevd", "_pydev")
"""How the modules of pydevd begin, which debugpy is made of. It traces, and stops, from inside the user's code; an
exception there ends the tracing."""


PACKAGE = __name__.partition(".")[0]


def may_raise(frame: FrameType | None, entries: Collection[CodeType]) -> bool:
    """Whether KeyboardInterrupt may be raised in `frame`: whether user code runs there and nothing else is torn.

    `entries` are the functions that call user code. Going outwards from where the thread stands, the first frame of
    this package decides: user code is what runs below an entry, or what a loop runs beside us (the user's own tasks
    and callbacks). Everything else of ours, a loop's own machinery and a debugger have to stay whole.
    """
    innermost = frame
    while frame is not None:
        if frame.f_code in entries:
            return True
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(DEBUGGER):
            return False
        if name.partition(".")[0] == PACKAGE:
            if not name.startswith((f"{PACKAGE}.loops", f"{PACKAGE}.concurrency.runners")):
                return False
            break
        frame = frame.f_back
    if innermost is None or frame is innermost:
        return False
    return not _is_machinery(innermost)


def beside(frame: FrameType | None, entries: Collection[CodeType]) -> FrameType | None:
    """The outermost frame of the callback or task that runs at `frame`, where one may raise, if a loop that runs us,
    too, has called it; None if an entry has."""
    outermost: FrameType | None = None
    while frame is not None and frame.f_code not in entries:
        name = str(frame.f_globals.get("__name__", ""))
        if name.startswith(f"{PACKAGE}.loops"):
            return outermost
        if name != f"{PACKAGE}.concurrency.runners" and not _is_machinery(frame):  # loops are run by those
            outermost = frame
        frame = frame.f_back
    return outermost if frame is None else None


def _is_machinery(frame: FrameType) -> bool:
    name = str(frame.f_globals.get("__name__", "")).partition(".")[0]
    return name in ("asyncio", "selectors", "uvloop", "winloop", "trio", "anyio", "tkinter")
