"""The targets of an interrupt: which of the things that go on it is for. Pure: states and times in, a list out.

An interrupt is for the work that its sender saw. By the time it is read that work may have ended and the next have
begun, so the times of both are compared: those of the message are known with the precision that `clocks` has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

__all__ = ["CERTAIN_SECONDS", "ShellState", "Timed", "targets"]

CERTAIN_SECONDS = 1.0
"""A cell that has run for so long is the target of any interrupt: none is under way for so long, unless the kernel
could not read it, and then it is read before another cell has run for this time."""


class Timed(Protocol):
    """A piece of work, as far as its times are concerned."""

    @property
    def started(self) -> float:
        """When it began, by `time.time()`."""

    @property
    def free_since(self) -> float:
        """When its shell was done with the work before it."""

    @property
    def seconds(self) -> float:
        """How long it has gone on, by a clock that nobody sets."""


W = TypeVar("W", bound=Timed)


class ShellState(NamedTuple, Generic[W]):
    """One shell at one moment: the work in its turn, the work in the background, and the end of the latest."""

    running: W | None
    background: Sequence[W]
    idle_since: float


def targets(shells: Iterable[ShellState[W]], sent: tuple[float, float] | None = None) -> list[W]:
    """The targets of one interrupt among the work of the shells that it is for.

    `sent` are the earliest and the latest time at which it can have been sent, or None when it arrived at once. It is
    for the work in turn; while there is none, for the cells in the background.
    """
    shells = list(shells)
    running = [shell.running for shell in shells if shell.running is not None]
    background = [work for shell in shells for work in shell.background]
    if sent is None:
        return running or background
    earliest, latest = sent
    if not running and any(shell.idle_since > latest for shell in shells):
        return []  # it was for a cell that has ended since
    # If it may have been sent while the cell before still ran, it was: nobody interrupts a cell that has just begun. A
    # cell that has run for a while is a target whatever the clocks say: one of them may have been set.
    return [
        work
        for work in running or background
        if work.seconds > CERTAIN_SECONDS or (work.started <= latest and work.free_since <= earliest)
    ]
