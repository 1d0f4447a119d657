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
from functools import cache
from mmap import mmap
from typing import TypeVar

if sys.platform == "win32":

    def _map(size: int) -> mmap:
        return mmap(-1, size)
else:
    from mmap import MAP_ANONYMOUS, MAP_PRIVATE

    def _map(size: int) -> mmap:
        return mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)


__all__ = ["RESERVE_BYTES", "ask_for", "free", "hold", "make_room", "spared"]

RESERVE_BYTES = 16 << 20
"""The reserve, in bytes: traceback formatting is imported in half of it."""

ROOM_BYTES = 1 << 20
"""The memory needed to go on without it, in bytes: an arena of Python's. Mapping it takes 5 to 30 us."""

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
    if _held is not None and not _can_run_out():  # most cells end here
        return
    try:
        _map(ROOM_BYTES).close()
    except (OSError, MemoryError):
        free()
    else:
        hold()


def ask_for(size: int) -> None:
    """MemoryError when there are no `size` bytes to be had now."""
    if _can_run_out():
        try:
            _map(size).close()
        except OSError:
            bytes(size)  # the heap may have room for it


def spared(function: Callable[..., T], *arguments: object) -> T:
    """`function(*arguments)`, once more with the reserve set free when there is no memory for it. MemoryError when that
    is not enough."""
    try:
        return function(*arguments)
    except MemoryError:
        free()
        return function(*arguments)


def _can_run_out() -> bool:
    """Whether an allocation can fail: there is a limit, which a cell may have set, or the system promises no more than
    it has. Elsewhere it kills the process that uses too much, which nothing here could mend."""
    if sys.platform == "linux":
        from resource import RLIM_INFINITY, RLIMIT_AS, RLIMIT_DATA, getrlimit

        limits = getrlimit(RLIMIT_AS)[0], getrlimit(RLIMIT_DATA)[0]
        return limits != (RLIM_INFINITY, RLIM_INFINITY) or _promises_no_more_than_it_has()
    return True


@cache
def _promises_no_more_than_it_has() -> bool:
    try:
        with open("/proc/sys/vm/overcommit_memory", encoding="utf-8") as file:  # noqa: PTH123 - it takes a module
            return file.read().strip() == "2"
    except OSError:
        return True
