"""Memory that is set free when none is left: enough to say so, and to go on.

A cell may fill the memory that its process is allowed (`ulimit -v`, a job's limit) and keep it. The work that the
kernel does next is to reply, which takes some, and a loop in which an allocation fails at the wrong place never wakes
its tasks again. So some mebibytes are held back: addresses only, which nothing is written to, mapped for themselves. (A
`bytearray` of that size is written to, and so is what `calloc` takes out of the heap.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from mmap import mmap
from typing import TypeVar

if sys.platform == "win32":

    def _map(size: int) -> mmap:
        return mmap(-1, size)
else:
    from mmap import MAP_ANONYMOUS, MAP_PRIVATE

    def _map(size: int) -> mmap:
        return mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)


__all__ = ["RESERVE_BYTES", "free", "hold", "make_room", "spared"]

RESERVE_BYTES = 16 << 20
"""The reserve, in bytes: traceback formatting is imported in half of it."""

ROOM_BYTES = 1 << 20
"""The memory needed to go on without it, in bytes: an arena of Python's. Mapping it takes 5 us after each cell."""

T = TypeVar("T")

_held: mmap | None = None


def hold() -> None:
    """Hold the reserve back, if there is enough for it."""
    global _held
    if _held is None:
        with suppress(OSError, MemoryError):
            _held = _map(RESERVE_BYTES)


def free() -> None:
    """Set it free."""
    global _held
    held, _held = _held, None
    if held is not None:
        held.close()


def make_room() -> None:
    """Set the reserve free if no memory is left, and hold it back again if there is: where a cell has ended."""
    try:
        _map(ROOM_BYTES).close()
    except (OSError, MemoryError):
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
