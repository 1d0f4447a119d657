"""An execution: a request that is being served, as something that can be interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from async_kernel.concurrency.nested import InnerLoop, innermost
from async_kernel.concurrency.portal import Reach
from async_kernel.interrupts.aftermath import reraise_if_caught
from async_kernel.interrupts.offspring import Moment, moment
from async_kernel.interrupts.target import Interrupt, Target
from async_kernel.stacks import stack_of
from async_kernel.system.real import real
from async_kernel.system.service_thread import later

from .dispatch import give_up
from .prompts import Prompts
from .request import Request

__all__ = ["Execution", "ThisThread", "WorkLoop", "execution_on", "is_held"]

RETURN_SECONDS = 0.25
"""How long a lane waits for its thread, after a cell was given up, before another takes its place: a call that returns
by then takes nothing away, and `finally` blocks of the cell do not run beside the next one."""


class WorkLoop(InnerLoop, Protocol):
    """The loop in which an execution runs: a portal, or a stand-in for a thread without a loop."""

    thread: int
    """The ident of the thread."""

    def reach(self, frame: FrameType) -> Reach:
        """As that of a `Portal`."""

    def awaiting(self) -> object:
        """As that of a `Portal`."""


class ThisThread:
    """The calling thread in place of a loop: none runs in it."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        """False: nothing will run."""
        return False

    def end_wait(self) -> None:
        """Nothing: what blocks in a thread is ended by what is raised in it."""

    def reach(self, frame: FrameType) -> Reach:
        """No further than a callback: no task awaits another here."""
        return Reach.CALLBACK

    def awaiting(self) -> None:
        """None: nothing is awaited here."""


class Execution(Target):
    """A request that a lane is serving, as something that can be interrupted."""

    finished = False
    since: Moment | None = None

    def __init__(
        self, request: Request, loop: WorkLoop, prompts: Prompts, left: Callable[[Execution], None] | None
    ) -> None:
        self.request = request
        self.thread = loop.thread
        self.started = real.time()
        self.since = moment()
        self._begun = real.monotonic()
        self.free_since = 0.0  # when its lane had done what came before it
        self._wait_ends = False  # the end of one is on its way to the task
        self._left = left
        self._loop = loop
        self._prompts = prompts

    @property
    def seconds(self) -> float:
        """How long it has been served, by a clock that nobody sets."""
        return real.monotonic() - self._begun

    @property
    def interrupted(self) -> bool:
        """Whether an interrupt was delivered to it."""
        return self.request.interrupted

    def end_wait(self, interrupt: Interrupt) -> None:
        """End a question to the client, or what the task awaits, if the execution still goes on by then."""
        # With a question open its thread stands in Prompts.ask, where nothing else claims the interrupt.
        if not self._prompts.cancel(self.request.message.header.msg_id, interrupt.claim):
            # A loop that the cell runs by itself, inside ours, is what has to end: ours stands still meanwhile.
            loop = innermost(self.thread) or self._loop
            loop.call(self._end_wait, interrupt, loop)

    def reach(self, frame: FrameType) -> Reach:
        """Where an exception goes that is raised at `frame`, in a callback or task of the loop."""
        return self._loop.reach(frame)

    def waits(self) -> list[object]:
        """Where its thread stands, if its own code runs there, else the task that awaits."""
        stack = stack_of(self.thread)
        return [stack.innermost if stack.holder is self else self._loop.awaiting()]

    def mark_interrupted(self) -> None:
        """Let the interpreter know that a cancellation means an interrupt."""
        self.request.interrupted = True
        self.request.checkpoint = None

    def report(self) -> None:
        """Say in the cell's stderr where it stands, or what keeps its loop."""
        stack = stack_of(self.thread)
        own = stack.holder is self
        if not (own or stack.is_held):
            return
        import linecache

        file, number, function = stack.place
        where = f"`{linecache.getline(file, number).strip()}` (line {number}, in {function})"
        why = "is in C code, which does not look for it" if own else "runs beside the cell and keeps its loop"
        self.request.stream(
            "stderr",
            f"The interrupt waits: {where} {why}. The cell ends when that returns; a restart of the kernel ends it "
            "now.\n",
        )

    def report_delay(self, seconds: float) -> None:
        """Say in the cell's stderr that an interrupt could not be seen for so long."""
        self.request.stream(
            "stderr",
            f"The interrupt was sent {seconds:.1f} s before the kernel could see it: nothing else runs while C code "
            "holds the GIL.\n",
        )

    def leave(self) -> None:
        """Give up on the thread: it stands in a call that nothing ends. A lane goes on in another thread."""
        if self._left is not None and not self.finished:
            self.finished = True
            self._left(self)
            reason = f"{self.request.reason} The cell is left to itself: it stands in a call that nothing ends."
            give_up(self.request, KeyboardInterrupt(reason.strip()))

    def strand(self) -> None:
        """Give up on it with its loop, whose thread is left to itself: see `leave`."""
        self.finished = True
        self.mark_interrupted()
        reason = "Its loop is left to itself: another cell there stands in a call that nothing ends."
        give_up(self.request, KeyboardInterrupt(reason))

    def when_overdue(self, move: Callable[[Execution], None]) -> None:
        """Call `move(self)` when a thread that was given up has had its time to come back."""
        later(RETURN_SECONDS, move, self)

    def defer(self, checkpoint: Callable[[], None]) -> None:
        """Have what writes output for this request call `checkpoint()` when it is done."""
        self.request.defer(checkpoint)

    def _end_wait(self, interrupt: Interrupt, loop: InnerLoop) -> None:
        if interrupt.claim():
            if interrupt.again and not self._wait_ends:  # two at once are one
                reraise_if_caught(lambda: self.finished)
                self.when_overdue(Execution._leave_if_it_waits)  # a shield of trio's may keep it out
            loop.end_wait()
            self._wait_ends = loop.call(self._wait_has_ended)

    def _wait_has_ended(self) -> None:
        self._wait_ends = False

    def _leave_if_it_waits(self) -> None:
        if execution_on(self.thread) is not self:
            self.leave()


def execution_on(thread: int) -> Execution | None:
    """The execution whose own code runs on a thread now; None when it waits, or runs what a cell has left behind."""
    holder = stack_of(thread).holder
    return holder if isinstance(holder, Execution) else None


def is_held(thread: int) -> bool:
    """Whether the loop of a thread is kept from going on: by an execution's code, or by a callback or task."""
    return stack_of(thread).is_held
