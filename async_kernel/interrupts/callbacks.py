"""Callbacks and tasks that the loop of the main thread runs beside the kernel, as something that can be interrupted.

Nothing here knows cells or kernels, or imports a loop.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any, Protocol

from async_kernel.concurrency.portal import Reach
from async_kernel.stacks import Stack, runs_loops, stack_of

from .aftermath import raise_on_return
from .target import Interrupt, Target

__all__ = ["Callback", "LoopCallbacks", "Toolkit", "ToolkitCallbacks", "main_stack"]


class Callback(Target):
    """A callback, or a task beside the main one, that is running, known by its outermost frame. One interrupt is
    delivered to it, which is the last.

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

    def waits(self) -> list[object]:
        """Where the main thread stands."""
        return [stack_of(self.thread).innermost]

    def end_wait(self, interrupt: Interrupt) -> None:
        """End its question to a client, if it waits for the answer to one. It awaits nothing."""
        self._end_question(interrupt.claim)

    def reach(self, frame: FrameType) -> Reach:
        """To itself if `frame` is its own, and not that of a callback in a main loop that this one has nested."""
        return Reach.WORK if self.is_at(frame) else Reach.CALLBACK

    def mark_interrupted(self) -> None:
        """Let go of it."""
        self._frame = None

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have `checkpoint()` called when the code of ours that the callback is in has done its part."""
        self._defer(checkpoint)


class Toolkit(Protocol):
    """A toolkit's main loop, in which the kernel is a guest, as far as interrupts have to do with it (`hosts.Host`)."""

    guest_depth: int
    """How many callbacks of the guest are being run now."""
    around_nested: Callable[[], AbstractContextManager[object]]
    """Entered around main loops that user code nests."""

    def is_handler(self, frame: FrameType) -> bool:
        """Whether the toolkit itself has called the function that runs in `frame`."""

    def dismiss(self) -> None:
        """End nested main loops."""

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        """Have the main loop call `callback` soon."""


class LoopCallbacks:
    """Tasks and callbacks that cells have left behind, which the loop of the main thread runs beside the kernel.

    `make` makes a `Callback` of its outermost frame.
    """

    def __init__(self, make: Callable[[FrameType], Callback]) -> None:
        self._make = make
        self._latest: Callback | None = None

    def current(self) -> Callback | None:
        """The one that runs now, or None. Callable from any thread."""
        frame = main_stack().loop_callback
        if frame is None:
            return None
        if self._latest is None or not self._latest.is_at(frame):
            self._latest = self._make(frame)
        return self._latest


@runs_loops
class ToolkitCallbacks(LoopCallbacks):
    """Callbacks of the toolkit, and tasks beside the guest's main one, on the host's thread.

    `make` makes a `Callback` of its outermost frame. Construct this once SIGINT is taken: main loops that user code
    nests leave it to the handler that is there now.
    """

    def __init__(self, host: Toolkit, make: Callable[[FrameType], Callback]) -> None:
        super().__init__(make)
        self._host = host
        handler = signal.getsignal(signal.SIGINT)
        host.around_nested = lambda: _sigint_kept_by(handler)

    def is_guest(self, stack: Stack) -> bool:
        """Whether only code runs that the guest is made of: an exception there would be the guest's end."""
        return stack.is_called_by_loop and stack.called is None and self.handler(stack) is None

    def handler(self, stack: Stack) -> FrameType | None:
        """The innermost frame of an event handler that the toolkit itself has called; None where there is none.

        A nested main loop may call it with no frame of ours around: an exception there ends nothing, and is dropped.
        """
        return next((each for each in stack.inside if self._host.is_handler(each)), None)

    def close_nested_loop(self, interrupt: Interrupt) -> None:
        """Soon, on the host's thread: if the work has nested a main loop, as a modal dialog does, end
        that loop, and raise KeyboardInterrupt where its caller goes on. Callable from any thread.

        Python runs no code of the caller while it is in there, so that nothing can be raised before.
        """

        def end() -> None:
            if not interrupt.settled and (self._host.guest_depth or isinstance(interrupt.work, Callback)):
                raise_on_return(interrupt.claim)
                self._host.dismiss()

        self._host.call_soon_threadsafe(end)


def main_stack() -> Stack:
    """The stack of the main thread."""
    return stack_of(threading.main_thread().ident or 0)


@contextmanager
def _sigint_kept_by(handler: Any) -> Iterator[None]:
    """Have SIGINT handled by `handler` meanwhile, although a library has taken it for the time of a nested main loop.

    matplotlib does, to leave the loop, with a handler that fails when it is called again before that. Interrupts are
    sent until they are delivered, and such an error, raised between any two lines of the guest, would be its end.
    """
    there = signal.getsignal(signal.SIGINT)
    if there is None or there == handler or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, there)
