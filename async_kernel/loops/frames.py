"""Whose code the main thread runs: the kernel's, a loop's, or user code that a loop has called beside the kernel.

Seen from outside, by the frames of its stack. Nothing here knows cells or kernels, or imports a loop.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FrameType

from async_kernel.system.interrupt import Interrupt

__all__ = ["Callback", "LoopCallbacks", "first_of_user", "is_of_loops", "package_of", "stack"]

MACHINERY = sys.stdlib_module_names | {"anyio", "attr", "outcome", "sniffio", "sortedcontainers", "trio"}
"""What loops are made of, and what the guest itself calls: user code is in there only when it has called that."""

CALLERS = frozenset({"carry.<locals>.carried", "_ContextCallWrapper._call", "_Slots._telling.<locals>.call"})
"""The functions of ours that call callbacks: whatever they call is user code, be it of the standard library."""

PACKAGE = __name__.partition(".")[0]


class Callback:
    """A callback, or a task beside the main one, that is running: what can be interrupted of it
    (`system.interrupt.Interruptible`). It is known by its outermost frame.

    `defer(checkpoint)`, called on its thread in its context, has `checkpoint()` called after output.
    `end_question(claim)`, called from any thread, ends the question to a client that its thread waits for, if there is
    one and `claim()` says yes.
    """

    def __init__(
        self,
        frame: FrameType,
        defer: Callable[[Callable[[], None]], None],
        end_question: Callable[[Callable[[], bool]], object] = lambda claim: None,
    ) -> None:
        self.thread = threading.main_thread().ident or 0
        self._frame: FrameType | None = frame
        self._defer = defer
        self._end_question = end_question

    def is_at(self, frame: FrameType) -> bool:
        """Whether `frame` is its outermost one."""
        return self._frame is frame

    @property
    def finished(self) -> bool:
        """Whether it has returned."""
        if self._frame is not None and all(frame is not self._frame for frame in stack()):
            self._frame = None  # it keeps the callback's variables alive
        return self._frame is None

    @property
    def interrupted(self) -> bool:
        """False: the one interrupt that is delivered to it is the last."""
        return False

    @property
    def since(self) -> None:
        """None: nobody has seen it begin."""

    def waits(self) -> list[object]:
        """Where the main thread stands."""
        return [sys._current_frames().get(self.thread)]

    def end_wait(self, interrupt: Interrupt) -> None:
        """End its question to a client, if it waits for the answer to one. It awaits nothing."""
        self._end_question(interrupt.claim)

    def reach(self, frame: FrameType) -> bool:
        """True: what runs beside the kernel's own work is what this stands for."""
        return True

    def mark_interrupted(self) -> None:
        """Let go of it."""
        self._frame = None

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have `checkpoint()` called when the code of ours that the callback is in has done its part."""
        self._defer(checkpoint)

    def report(self) -> None:
        """Nothing: nobody waits for it."""

    def leave(self) -> None:
        """Nothing: the main thread is no one to be left."""


class LoopCallbacks:
    """What a loop runs in the main thread beside the kernel: tasks and callbacks that cells have left behind.

    `run` is the function below which the loop runs; `make` makes a `Callback` of its outermost frame.
    """

    def __init__(self, run: CodeType, make: Callable[[FrameType], Callback]) -> None:
        self._run = run
        self._make = make
        self._latest: Callback | None = None

    def current(self) -> Callback | None:
        """What runs now, or None. Callable from any thread."""
        inside: list[FrameType] = []
        for frame in stack():
            if frame.f_code is self._run:
                return self._at(first_of_user(reversed(inside)))
            inside.append(frame)
        return None

    def _at(self, frame: FrameType | None) -> Callback | None:
        if frame is None:
            return None
        if self._latest is None or not self._latest.is_at(frame):
            self._latest = self._make(frame)
        return self._latest


def stack() -> Iterator[FrameType]:
    """The frames of the main thread, from the innermost."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        yield frame
        frame = frame.f_back


def first_of_user(frames: Iterable[FrameType]) -> FrameType | None:
    """The first of `frames`, from the outermost inwards, in which user code runs; None if the first one that is
    neither of the loops nor of what they call is the kernel's."""
    for_user = False
    for frame in frames:
        package = package_of(frame)
        if package == PACKAGE:
            if not is_of_loops(frame):
                return None
            for_user = frame.f_code.co_qualname in CALLERS
        elif for_user or package not in MACHINERY:
            return frame
    return None


def package_of(frame: FrameType) -> str:
    """The top-level package that the code of a frame is in, for example "asyncio"."""
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def is_of_loops(frame: FrameType) -> bool:
    """Whether a frame of this package is one that runs loops, and in them user code."""
    return str(frame.f_globals["__name__"]).startswith((f"{PACKAGE}.loops", f"{PACKAGE}.concurrency.runners"))
