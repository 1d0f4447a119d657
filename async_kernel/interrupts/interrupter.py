"""Interrupts: ending what a thread is doing, now, without harming what it does next.

An interrupt is bound to one piece of work. It is delivered at most once: as a KeyboardInterrupt raised where user code
runs, or by ending the wait that the work is in. It is tried until it is delivered or its work has ended, so that it can
neither be lost nor hit what comes after. How a thread is reached is the affair of
`delivery` and `system.main_thread`, where KeyboardInterrupt may be raised that of `async_kernel.stacks`.
"""

from __future__ import annotations

import _thread
import logging
import math
import queue
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from types import FrameType
from typing import Any, Protocol

from async_kernel.stacks import Stack, callers, stack_of
from async_kernel.system.real import real
from async_kernel.system.service_thread import ServiceThread

from .aftermath import follow

# All of it before there is anything to interrupt: beside a cell whose C calls keep Python's lock an import, which gives
# the lock up at each file that it reads, takes seconds.
from .delivery import raise_in_thread
from .offspring import Moment, interrupt_offspring
from .stuck import Standstill
from .waits import waited_processes

__all__ = ["TELL_SECONDS", "Interrupt", "Interrupter", "Interruptible"]

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two tries to deliver an interrupt: doubled from the first to the longest."""


BESIDE_SECONDS = 0.03
"""How long a callback or task that runs beside the work may keep its wait from being ended, before it is ended too."""


OFFSPRING_SECONDS = 0.1
"""After so long the processes of the work are interrupted, be the work itself reached or not: it may stand in a C call
that waits for one of them, as that of `os.system` does."""


TELL_SECONDS = 1.0
"""After so long an interrupt that has not got through is spoken of."""


JOIN_SECONDS = 1.0
"""How long the helper thread has to end."""


class Interruptible(Protocol):
    """A piece of work that runs on one thread."""

    @property
    def thread(self) -> int:
        """The ident of the thread that it runs on."""

    @property
    def finished(self) -> bool:
        """Whether it has ended, so that nothing is left to interrupt."""

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt was delivered."""

    @property
    def since(self) -> Moment | None:
        """When it began, among the starts of processes; None when it is not known."""

    def waits(self) -> Iterable[object]:
        """Where it waits, as `waits.waited_processes` takes it. Callable from any thread."""

    def end_wait(self, interrupt: Interrupt) -> None:
        """If the work awaits something, claim the interrupt and end the wait. Callable from any thread."""

    def reach(self, frame: FrameType) -> bool | None:
        """What is raised at `frame`, in a callback or task that a loop runs: True when it comes to the work, False when
        it ends the callback or task alone, None when it would be the end of the loop."""

    def report(self) -> None:
        """Tell whoever waits for the work that the interrupt does not get through to its thread."""

    def leave(self) -> None:
        """Give up on the thread, if that is possible: it stands in a call that nothing ends."""

    def mark_interrupted(self) -> None:
        """Note that an interrupt was delivered. Called in the thread of the work."""

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have `checkpoint()` called, if possible, when the code of ours that the thread is in has done its part.

        A cell that does nothing but print is in our code nearly all of the time.
        """


class Interrupt:
    """One interrupt of one piece of work. `by_signal`: it came as a signal, which child processes have got as well."""

    __slots__ = (
        "again",
        "beside",
        "by_signal",
        "delivered",
        "offspring_at",
        "spares_until",
        "standstill",
        "tell_at",
        "waited",
        "work",
    )

    def __init__(self, work: Interruptible, by_signal: bool = False) -> None:
        self.work = work
        self.by_signal = by_signal
        self.tell_at = real.monotonic() + TELL_SECONDS
        self.offspring_at = math.inf if by_signal else real.monotonic() + OFFSPRING_SECONDS
        self.waited: Collection[int] | None = None  # the processes that the work waited for before it was interrupted
        self.spares_until = real.monotonic() + BESIDE_SECONDS
        self.beside: FrameType | None = None  # the callback or task beside the work that was hit last
        self.again = False
        """Whether an earlier one was delivered before this one was: the work goes on all the same."""
        self.delivered = False
        self.standstill: Standstill | None = None  # of its thread, since the exception was set there

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


class Interrupter:
    """Interrupts pieces of work, whichever thread they run on.

    Until it has taken SIGINT with `install`, it reaches the main thread as it does any other: Python code and waits,
    but no blocking system call.

    `wake` reaches the main thread: it makes the main thread run its SIGINT handler even while it blocks in a system
    call. For signals that come from outside, `current` gives the work that the interrupted context is on, `running` all
    that goes on, in whichever thread. `let_go` lets whatever a debugger has stopped go on, at each try: nothing can be
    raised there.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        current: Callable[[], Interruptible | None],
        running: Callable[[], Sequence[Interruptible]] = tuple,
        let_go: Callable[[], None] = lambda: None,
    ) -> None:
        self.end_nested: Callable[[Interrupt], None] | None = None
        """Ends, at each try, a main loop that the work has nested in the main thread: nothing can be raised there."""
        self._let_go = let_go
        self.spares: Callable[[Interrupt, Stack], bool] | None = None
        """Whether user code that runs on a stack is none of the work's: a callback that runs beside it for a moment."""
        self.mark: Callable[[], None] = _thread.interrupt_main
        """Has the main thread run its SIGINT handler at its next bytecode, even if the system ignores SIGINT now."""
        self._wake = wake
        self._current = current
        self._running = running
        self._aim: Interrupt | None = None  # what our own signal is for
        self._pending: queue.SimpleQueue[Interrupt | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._followed: list[Interrupt] = []  # what the helper thread pursues
        self._has_lock = False  # the helper thread has just been given Python's lock
        self._previous: Any = None
        self._tell_dropped: Callable[[sys.UnraisableHookArgs], Any] = sys.__unraisablehook__
        self._installed = False

    def install(self) -> None:
        """Take SIGINT and `sys.unraisablehook`. To be called in the main thread; `restore` gives them back."""
        previous = signal.signal(signal.SIGINT, self._on_signal)
        if not self._installed:
            self._installed, self._previous = True, previous
            self._tell_dropped, sys.unraisablehook = sys.unraisablehook, self._on_dropped
            self._start()  # beside a cell whose C calls keep Python's lock, a start takes several of them

    def restore(self) -> None:
        """Give all back to whoever had it, unless somebody else took it meanwhile, and end the helper thread."""
        self._pending.put(None)
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)  # no signal of its comes later
        if self._installed and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._previous)
        if sys.unraisablehook == self._on_dropped:
            sys.unraisablehook = self._tell_dropped

    def interrupt(self, work: Interruptible) -> Interrupt:
        """Interrupt `work`. Returns at once, from any thread; the interrupt says when it is settled."""
        interrupt = Interrupt(work)
        self._pursue(interrupt)
        return interrupt

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        stack = callers()  # matplotlib's `show` calls us when it has returned, with a frame that has ended
        aimed, self._aim = self._aim, None
        if aimed is not None:
            interrupt = aimed
            if self._current() is not interrupt.work and stack.callback is None:
                return
        else:  # from outside: meant for what runs now
            work = self._current()
            for other in self._running():
                if other is not work:
                    self._pursue(Interrupt(other, by_signal=True))
            if work is None:
                return
            interrupt = Interrupt(work, by_signal=True)
        may_hit = self._may_hit(interrupt, stack)
        if may_hit and self._hits(interrupt, stack):
            follow(stack, interrupt.again)
            raise KeyboardInterrupt
        if aimed is None:
            self._pursue(interrupt)
        elif not may_hit:
            interrupt.work.defer(lambda: self._checkpoint(interrupt))

    def _on_dropped(self, dropped: sys.UnraisableHookArgs) -> None:
        """Raise an interrupt that C code drops once more, where Python code goes on.

        What was raised in the main thread, by the signal's handler, is followed from there. Nothing can follow what is
        raised in another thread from outside, but C code tells what it drops before it goes back to its caller.
        """
        self._tell_dropped(dropped)
        stack, thread = callers(), threading.get_ident()
        if not issubclass(dropped.exc_type, KeyboardInterrupt) or thread == threading.main_thread().ident:
            return
        hit = any(work.thread == thread and work.interrupted for work in self._running())
        if hit and stack.can_raise:
            follow(stack, again=False)

    def _may_hit(self, interrupt: Interrupt, stack: Stack) -> bool:
        return stack.can_raise and not (self.spares is not None and self.spares(interrupt, stack))

    def _hits(self, interrupt: Interrupt, stack: Stack) -> bool:
        """Whether the caller is to raise KeyboardInterrupt where `stack` says that it may.

        A callback or task beside the work is not what the interrupt is for. It is hit, once, if it goes on for so long
        that the loop cannot end the wait of the work; the loop does that next, and the interrupt remains until then.
        """
        callback = stack.callback
        reach = True if callback is None else interrupt.work.reach(callback)
        if not reach:
            now = real.monotonic()
            if reach is None or interrupt.settled or now < interrupt.spares_until or callback is interrupt.beside:
                return False
            interrupt.spares_until, interrupt.beside = now + BESIDE_SECONDS, callback
            return True
        return interrupt.claim()

    def _checkpoint(self, interrupt: Interrupt) -> None:
        """Deliver `interrupt` to the code that called what calls this, if it is user code of the right thread."""
        stack = callers().behind_checkpoint()
        in_place = threading.get_ident() == interrupt.work.thread and self._may_hit(interrupt, stack)
        if in_place and self._hits(interrupt, stack):
            follow(stack, interrupt.again)
            raise KeyboardInterrupt

    def _pursue(self, interrupt: Interrupt) -> None:
        self._start()
        self._pending.put(interrupt)  # SimpleQueue.put is reentrant: safe in a signal handler

    def _start(self) -> None:
        if self._thread is None:
            thread = self._thread = ServiceThread("interrupts", self._pursue_all)
            try:
                thread.start()
            except BaseException:  # out of threads: the next one is pursued if there are some again
                self._thread = None
                raise

    def _pursue_all(self) -> None:
        pending: list[Interrupt] = []
        pause = FIRST_PAUSE
        while True:
            self._has_lock = self._pending.empty()  # then the next line waits
            try:
                newest = self._pending.get(timeout=pause if pending else None)
            except queue.Empty:
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                if newest is None:
                    return
                pending.append(newest)
                pause = FIRST_PAUSE
            self._followed = pending
            pending = [interrupt for interrupt in pending if self._goes_on(interrupt)]

    def _goes_on(self, interrupt: Interrupt) -> bool:
        try:
            return self._go_on(interrupt)
        except Exception:  # the next one is pursued all the same
            log.exception("an interrupt was given up")
            return False

    def _go_on(self, interrupt: Interrupt) -> bool:
        """Do what can be done now. False when nothing more will have to be done."""
        if interrupt.waited is None and not interrupt.by_signal:
            interrupt.waited = waited_processes(interrupt.work.waits())
        if interrupt.delivered or (real.monotonic() > interrupt.offspring_at and not interrupt.settled):
            self._interrupt_offspring(interrupt)
        if not interrupt.settled:
            if interrupt.standstill is not None:  # something beside the work has been hit
                if interrupt.standstill.is_over():
                    interrupt.standstill = None
                elif interrupt.standstill.is_stuck():
                    interrupt.work.leave()
                    return False
            self._try(interrupt)
            if real.monotonic() > interrupt.tell_at and not interrupt.settled:
                interrupt.tell_at = math.inf
                interrupt.work.report()
            return True
        if interrupt.standstill is None or interrupt.work.finished:
            return False
        # The exception waits for the thread's next bytecode. If the thread does not move, it stands in a C call. If it
        # goes on although it was interrupted before, it catches what is raised.
        real.sleep(0)  # see _raise_in_thread
        if interrupt.standstill.is_over() and not interrupt.again:
            return False
        if not interrupt.standstill.is_stuck():
            return True
        interrupt.work.leave()
        return False

    def _interrupt_offspring(self, interrupt: Interrupt) -> None:
        """Interrupt the processes of the work, once. Those of a signal from outside have got it as we have."""
        if interrupt.offspring_at == math.inf:
            return
        interrupt.offspring_at = math.inf
        work = interrupt.work
        if not interrupt.delivered and self._takes_signals(work):
            # What goes on when its process has ended is to hear of the interrupt first: a signal would be lost, since
            # `os.system` has them ignored meanwhile.
            self._aim = interrupt
            self.mark()
        meant = {one.work for one in self._followed}
        others = {other.thread for other in self._running() if other not in meant} - {work.thread}
        try:
            interrupt_offspring(work.since, interrupt.waited or (), others)
        except Exception:  # the interrupt of the work itself goes on
            log.exception("the processes of what is interrupted were not interrupted")

    def _try(self, interrupt: Interrupt) -> None:
        work = interrupt.work
        self._let_go()
        if self._takes_signals(work):
            self._aim = interrupt
            self._wake()
            if self.end_nested is not None:
                self.end_nested(interrupt)
        else:
            self._raise_in_thread(interrupt)
        work.end_wait(interrupt)

    def _takes_signals(self, work: Interruptible) -> bool:
        return self._installed and work.thread == threading.main_thread().ident

    def _raise_in_thread(self, interrupt: Interrupt) -> None:
        """Raise KeyboardInterrupt in a thread other than the main one, at its next bytecode."""
        thread = interrupt.work.thread
        # What is seen of the thread has to hold until the exception is set. Who has just been given Python's lock, as
        # after a wait or this sleep, keeps it for a whole switch interval: a thousand times longer than the next two
        # lines take. Where C calls keep the lock the sleep takes as long as one of them.
        if not self._has_lock:
            real.sleep(0)
        self._has_lock = False
        stack = stack_of(thread)
        if not stack.can_raise:
            interrupt.work.defer(lambda: self._checkpoint(interrupt))
        elif interrupt.standstill is None and self._hits(interrupt, stack):
            standstill = interrupt.standstill = Standstill(thread)
            raise_in_thread(thread, standstill.end)
