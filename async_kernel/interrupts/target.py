"""Who is interrupted: a piece of work, and one interrupt of it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from types import FrameType

from async_kernel.concurrency.portal import Reach
from async_kernel.system.real import real

from .offspring import Moment
from .stuck import StuckCheck

__all__ = ["PATIENCE", "TELL_SECONDS", "Interrupt", "Target"]

PATIENCE = 0.03
"""How long something else may hold the thread of the work - a callback, a task, another cell - before it is interrupted
as well."""

OFFSPRING_SECONDS = 0.1
"""After so long the processes of the work are interrupted, be the work itself reached or not: it may stand in a C call
that waits for one of them, as that of `os.system` does."""

TELL_SECONDS = 1.0
"""After so long the user is told that an interrupt is still pending."""


class Target(ABC):
    """A piece of work that runs on one thread, as far as an interrupt has to do with it.

    All that is not abstract is for work that a client waits for, or whose thread can be left.
    """

    thread: int
    """The ident of the thread that it runs on."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether it has ended, so that nothing is left to interrupt."""

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt was delivered, after which there may be another one."""
        return False

    @property
    def since(self) -> Moment | None:
        """When it began, among the starts of processes; None when it is not known."""
        return None

    @abstractmethod
    def waits(self) -> Iterable[object]:
        """Where it waits, as `waits.waited_processes` takes it. Callable from any thread."""

    @abstractmethod
    def end_wait(self, interrupt: Interrupt) -> None:
        """If the work awaits something, claim the interrupt and end the wait. Callable from any thread."""

    @abstractmethod
    def reach(self, frame: FrameType) -> Reach:
        """Where an exception goes that is raised at `frame`, in a callback or task of a loop."""

    @abstractmethod
    def mark_interrupted(self) -> None:
        """Note that an interrupt was delivered. Called in the thread of the work."""

    @abstractmethod
    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have `checkpoint()` called, if possible, when the code of ours that the thread is in has done its part.

        A cell that does nothing but print is in our code nearly all of the time.
        """

    def report(self) -> None:  # noqa: B027  # by default there is no client to be told
        """Tell the client that waits for the work that the interrupt does not get through to its thread."""

    def leave(self) -> None:  # noqa: B027  # by default the thread is kept
        """Give up on the thread, if that is possible: it stands in a call that nothing ends."""


class Interrupt:
    """One interrupt of one piece of work. `by_signal`: it came as a signal, which child processes have got as well."""

    __slots__ = (
        "again",
        "by_signal",
        "delivered",
        "held_since",
        "holder",
        "offspring_at",
        "standstill",
        "tell_at",
        "waited",
        "work",
    )

    def __init__(self, work: Target, by_signal: bool = False) -> None:
        self.work = work
        self.by_signal = by_signal
        self.tell_at = real.monotonic() + TELL_SECONDS
        self.offspring_at = math.inf if by_signal else real.monotonic() + OFFSPRING_SECONDS
        self.waited: Collection[int] | None = None  # the processes that the work waited for before it was interrupted
        self.holder: object = None  # of the thread of the work, in its place, when last looked at
        self.held_since = 0.0
        self.again = False
        """Whether an earlier one was delivered before this one was: the work goes on all the same."""
        self.delivered = False
        self.standstill: StuckCheck | None = None  # of its thread, since the exception was set there

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to do: delivered, or the work has ended."""
        return self.delivered or self.work.finished

    def claim(self) -> bool:
        """Whether the caller, in the thread of the work, is the one to deliver it: True once."""
        if self.settled:
            return False
        self.again = self.work.interrupted
        self.delivered = True
        self.work.mark_interrupted()
        return True

    def is_held_up_by(self, holder: object) -> bool:
        """Whether `holder`, which has the thread in place of the work, has had it for longer than PATIENCE. True once
        for each: it is interrupted then."""
        now = real.monotonic()
        if holder is not self.holder:
            self.holder, self.held_since = holder, now
        if now < self.held_since + PATIENCE:
            return False
        self.held_since = math.inf
        return True
