"""The place where a request is served, which says how much its handler may do."""

from __future__ import annotations

from enum import Enum, auto

__all__ = ["Place"]


class Place(Enum):
    """Where a request is served."""

    IN_TURN = auto()
    """In the loop of its shell, while no other cell runs there: everything is allowed."""

    BESIDE = auto()
    """In the loop of its shell, while a cell awaits: to be quick, and to do nothing that is for the end of a cell."""

    BACKGROUND = auto()
    """As a task of its own, or in a thread with a loop of its own: a cell that is marked so. It was started in its
    turn, and the next one does not wait for it."""

    APART = auto()
    """In a thread without a loop, for example while a cell keeps the thread of its shell. A question is answered
    without running the user's code; a coroutine of a comm's callback is returned for the loop of the shell."""
