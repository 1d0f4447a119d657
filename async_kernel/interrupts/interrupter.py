"""The interrupter: tries to deliver each interrupt until it is delivered or its work has ended.

The theory is told on the first page of this room (`async_kernel.interrupts`).
"""

from __future__ import annotations

import _thread
import logging
import math
import queue
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from async_kernel.concurrency.portal import Reach
from async_kernel.stacks import Stack, callers, stack_of
from async_kernel.system.real import real
from async_kernel.system.service_thread import ServiceThread

# All of it eagerly: an import gives the GIL up at every file, and beside a C call that holds the GIL each time costs
# seconds.
from .aftermath import reraise_if_dropped
from .callbacks import ToolkitCallbacks
from .delivery import raise_in_thread
from .offspring import interrupt_offspring
from .stuck import StuckCheck
from .target import Interrupt, Target
from .waits import waited_processes

__all__ = ["Interrupter"]

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
"""Seconds between two tries to deliver an interrupt: doubled from the first to the longest."""

HAND_OVER = 0.0005
"""Seconds after which the helper thread may ask for the GIL, instead of Python's 5 ms: a loop in Python code would keep
it for as long as the reply to the interrupt may take in all."""

JOIN_SECONDS = 1.0
"""How long the helper thread has to end."""


class Interrupter:
    """Interrupts pieces of work, whichever thread they run on.

    Until it has taken SIGINT with `install`, it reaches the main thread as it does any other: Python code and waits,
    but no blocking system call.

    `wake` reaches the main thread: it makes the main thread run its SIGINT handler even while it blocks in a system
    call. For signals that come from outside, `current` gives the work that the interrupted context is on, `running` all
    that they are for, in whichever thread. `holders` gives all that may hold a thread, `running` if it is None.
    `resume_stopped`, called at each try, resumes threads that a debugger has stopped: nothing can be raised there.
    """

    def __init__(
        self,
        wake: Callable[[], None],
        current: Callable[[], Target | None],
        running: Callable[[], Sequence[Target]] = tuple,
        holders: Callable[[], Sequence[Target]] | None = None,
        resume_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self._toolkit: ToolkitCallbacks | None = None
        self._resume_stopped = resume_stopped
        self.mark: Callable[[], None] = _thread.interrupt_main
        """Has the main thread run its SIGINT handler at its next bytecode, even if the system ignores SIGINT now."""
        self._wake = wake
        self._current = current
        self._running = running
        self._holders = holders or running
        self._aim: Interrupt | None = None  # the interrupt that our own signal is for
        self._pending: queue.SimpleQueue[Interrupt | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._followed: list[Interrupt] = []  # those that the helper thread pursues
        self._has_lock = False  # the helper thread has just been given the GIL
        self._handing_over: tuple[float, float] | None = None  # the switch interval before, and ours
        self._previous: Any = None
        self._tell_dropped: Callable[[sys.UnraisableHookArgs], Any] = sys.__unraisablehook__
        self._installed = False

    def reach_into(self, toolkit: ToolkitCallbacks) -> None:
        """From now on interrupt callbacks of the toolkit whose main loop the main thread runs, too."""
        self._toolkit = toolkit

    def install(self) -> None:
        """Take SIGINT and `sys.unraisablehook`. To be called in the main thread; `restore` gives them back."""
        previous = signal.signal(signal.SIGINT, self._on_signal)
        if not self._installed:
            self._installed, self._previous = True, previous
            self._tell_dropped, sys.unraisablehook = sys.unraisablehook, self._on_dropped
            self._start()  # beside a cell whose C calls keep the GIL, a start takes several of them

    def restore(self) -> None:
        """Put back the former handler and hook, unless other code has replaced ours, and end the helper thread."""
        self._pending.put(None)
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)  # no signal of its comes later
        if self._installed and signal.getsignal(signal.SIGINT) == self._on_signal:
            signal.signal(signal.SIGINT, self._previous)
        if sys.unraisablehook == self._on_dropped:
            sys.unraisablehook = self._tell_dropped

    def interrupt(self, work: Target) -> Interrupt:
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
        else:  # from outside: meant for all that runs now
            work = self._current()
            for other in self._running():
                if other is not work:
                    self._pursue(Interrupt(other, by_signal=True))
            if work is None:
                return
            interrupt = Interrupt(work, by_signal=True)
        may_hit = self._may_hit(stack)
        if may_hit and self._hits(interrupt, stack):
            reraise_if_dropped(stack, interrupt.again)
            raise KeyboardInterrupt
        if aimed is None:
            self._pursue(interrupt)
        elif not may_hit:
            interrupt.work.defer(lambda: self._checkpoint(interrupt))

    def _on_dropped(self, dropped: sys.UnraisableHookArgs) -> None:
        """Raise an interrupt that C code drops once more, where Python code goes on.

        The handler of the signal follows its own exception in the main thread. An exception that is set in another
        thread cannot be followed, but C code reports a dropped exception before it returns to its caller.
        """
        self._tell_dropped(dropped)
        stack, thread = callers(), threading.get_ident()
        if not issubclass(dropped.exc_type, KeyboardInterrupt) or thread == threading.main_thread().ident:
            return
        hit = any(work.thread == thread and work.interrupted for work in self._running())
        if hit and stack.can_raise:
            reraise_if_dropped(stack, again=False)

    def _may_hit(self, stack: Stack) -> bool:
        return stack.can_raise and (self._toolkit is None or not self._toolkit.is_guest(stack))

    def _hits(self, interrupt: Interrupt, stack: Stack) -> bool:
        """Whether the caller is to raise KeyboardInterrupt where `stack` says that it may.

        A callback or task beside the work is not the target of the interrupt. It is hit, once, when it has held the
        work up for too long; the loop ends the wait of the work next, and the interrupt remains until then. Other work
        that holds the thread has an interrupt of its own (`_try`).
        """
        if stack.holder not in (None, interrupt.work):
            return False
        callback = None if self._toolkit is None else self._toolkit.handler(stack)
        if callback is None:
            callback = stack.callback
        reach = Reach.WORK if callback is None else interrupt.work.reach(callback)
        if reach is Reach.WORK:
            return interrupt.claim()
        return reach is Reach.CALLBACK and not interrupt.settled and interrupt.is_held_up_by(callback)

    def _checkpoint(self, interrupt: Interrupt) -> None:
        """Deliver `interrupt` to the caller of the function that ends with this checkpoint, if that is user code of the
        right thread."""
        stack = callers().behind_checkpoint()
        in_place = threading.get_ident() == interrupt.work.thread and self._may_hit(stack)
        if in_place and self._hits(interrupt, stack):
            reraise_if_dropped(stack, interrupt.again)
            raise KeyboardInterrupt

    def _pursue(self, interrupt: Interrupt) -> None:
        self._start()
        if self._takes_signals(interrupt.work):  # in another thread it has to give the GIL up once more for it
            self._ask_soon()
        self._pending.put(interrupt)  # SimpleQueue.put is reentrant: safe in a signal handler

    def _ask_soon(self) -> None:
        """Until the helper thread has the GIL, let threads ask for it soon. Takes no lock: two at once see the same
        interval before, or ours; at worst the thread asks as late as all others do."""
        usual = sys.getswitchinterval()
        if usual > HAND_OVER and self._handing_over is None:
            sys.setswitchinterval(HAND_OVER)
            self._handing_over = usual, sys.getswitchinterval()

    def _ask_as_usual(self) -> bool:
        """Undo that; whether it was done."""
        handing_over, self._handing_over = self._handing_over, None
        if handing_over is None:
            return False
        if sys.getswitchinterval() == handing_over[1]:  # else a cell has set it since
            sys.setswitchinterval(handing_over[0])
        return True

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
                    self._ask_as_usual()
                    return
                pending.append(newest)
                pause = FIRST_PAUSE
            self._followed, pending = pending, []
            for interrupt in self._followed:
                try:
                    if self._go_on(interrupt):
                        pending.append(interrupt)
                except Exception:  # the next one is pursued all the same
                    log.exception("an interrupt was given up")
            # Behind the tries: if the system lets another thread run meanwhile, that one takes the GIL back.
            self._ask_as_usual()

    def _go_on(self, interrupt: Interrupt) -> bool:
        """Take the next step. Return whether another one is needed."""
        if interrupt.waited is None and not interrupt.by_signal:
            interrupt.waited = waited_processes(interrupt.work.waits())
        goes_on = self._has_to_end(interrupt) if interrupt.settled else self._try(interrupt)
        # Behind it: to find them takes long beside a C call that holds the GIL.
        if interrupt.delivered or (real.monotonic() > interrupt.offspring_at and not interrupt.settled):
            self._interrupt_offspring(interrupt)
        return goes_on

    def _has_to_end(self, interrupt: Interrupt) -> bool:
        """Whether an interrupt that is settled has still to be seen to end the work, in a thread that may stand."""
        if interrupt.standstill is None or interrupt.work.finished:
            return False
        # The exception waits for the thread's next bytecode. If the thread does not move, it stands in a C call. If it
        # goes on although it was interrupted before, it catches the exception.
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
            # The work goes on when its process has ended, and has to hear of the interrupt first. A signal would be
            # lost: `os.system` ignores them meanwhile.
            self._aim = interrupt
            self.mark()
        meant = {one.work for one in self._followed}
        others = {other.thread for other in self._running() if other not in meant} - {work.thread}
        try:
            interrupt_offspring(work.since, interrupt.waited or (), others)
        except Exception:  # the interrupt of the work itself goes on
            log.exception("the processes of interrupted work were not interrupted")

    def _try(self, interrupt: Interrupt) -> bool:
        """Try all that may deliver it. Return whether to try again."""
        work = interrupt.work
        if interrupt.standstill is not None:  # something beside the work has been hit
            if interrupt.standstill.is_over():
                interrupt.standstill = None
            elif interrupt.standstill.is_stuck():
                work.leave()
                return False
        self._resume_stopped()
        holder = stack_of(work.thread).holder
        if holder is not None and holder is not work:
            for other in self._holders():
                if other is holder and interrupt.is_held_up_by(other):
                    self.interrupt(other)
        if self._takes_signals(work):
            self._aim = interrupt
            self._wake()
            if self._toolkit is not None:
                self._toolkit.close_nested_loop(interrupt)
        else:
            self._raise_in_thread(interrupt)
        work.end_wait(interrupt)
        if real.monotonic() > interrupt.tell_at and not interrupt.settled:
            interrupt.tell_at = math.inf
            work.report()
        return True

    def _takes_signals(self, work: Target) -> bool:
        return self._installed and work.thread == threading.main_thread().ident

    def _raise_in_thread(self, interrupt: Interrupt) -> None:
        """Raise KeyboardInterrupt in a thread other than the main one, at its next bytecode."""
        thread = interrupt.work.thread
        # The stack must not change until the exception is set. A thread that has just been given the GIL, as after a
        # wait or this sleep, keeps it for a switch interval: a thousand times longer than the next two lines take.
        # Beside a C call that holds the GIL the sleep takes as long as that call.
        if self._ask_as_usual() or not self._has_lock:
            real.sleep(0)
        self._has_lock = False
        stack = stack_of(thread)
        if not stack.can_raise:
            interrupt.work.defer(lambda: self._checkpoint(interrupt))
        elif interrupt.standstill is None and self._hits(interrupt, stack):
            standstill = interrupt.standstill = StuckCheck(thread)
            raise_in_thread(thread, standstill.end)
