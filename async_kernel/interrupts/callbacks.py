"""Callbacks and tasks that the loop of the main thread runs beside the kernel, as something that can be interrupted.

Nothing here knows cells or kernels, or imports a loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FrameType

from async_kernel.interrupts.interrupter import Interrupt
from async_kernel.stacks import Stack, stack_of

__all__ = ["Callback", "LoopCallbacks", "main_stack"]


class Callback:
    """A callback, or a task beside the main one, that is running: what can be interrupted of it
    (`interrupts.interrupter.Interruptible`). It is known by its outermost frame.

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
        if self._frame is not None and self._frame not in main_stack().frames:
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
        return [stack_of(self.thread).innermost]

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
    """What the loop of the main thread runs beside the kernel: tasks and callbacks that cells have left behind.

    `make` makes a `Callback` of its outermost frame.
    """

    def __init__(self, make: Callable[[FrameType], Callback]) -> None:
        self._make = make
        self._latest: Callback | None = None

    def current(self) -> Callback | None:
        """What runs now, or None. Callable from any thread."""
        frame = main_stack().loop_callback
        if frame is None:
            return None
        if self._latest is None or not self._latest.is_at(frame):
            self._latest = self._make(frame)
        return self._latest


def main_stack() -> Stack:
    """The stack of the main thread."""
    return stack_of(threading.main_thread().ident or 0)
