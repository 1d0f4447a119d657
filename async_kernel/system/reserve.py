"""Memory that is set free when none is left: enough to say so, and to go on.

A cell may fill the memory that its process is allowed (`ulimit -v`, a job's limit) and keep it. The work that the
kernel does next is to reply, which takes some, and a loop in which an allocation fails at the wrong place never wakes
its tasks again. So some mebibytes are held back: addresses only, which nothing is written to.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

__all__ = ["RESERVE_BYTES", "free", "hold", "make_room", "spared"]

RESERVE_BYTES = 16 << 20
"""The reserve, in bytes: traceback formatting is imported in half of it."""

ROOM_BYTES = 1 << 20
"""The memory needed to go on without it, in bytes: an arena of Python's."""

T = TypeVar("T")

_held: bytearray | None = None


def hold() -> None:
    """Hold the reserve back, if there is enough for it."""
    global _held
    if _held is None:
        with suppress(MemoryError):
            _held = bytearray(RESERVE_BYTES)


def free() -> None:
    """Set it free."""
    global _held
    _held = None


def make_room() -> None:
    """Set the reserve free if no memory is left, and hold it back again if there is: where a cell has ended."""
    try:
        bytearray(ROOM_BYTES)
    except MemoryError:
        free()
    else:
        hold()


def spared(function: Callable[..., T], *arguments: object) -> T:
    """`function(*arguments)`, once more with the reserve set free when there is no memory for it. MemoryError when that
    is not enough."""
    try:
        return function(*arguments)
    except MemoryError:
        free()
        return function(*arguments)
