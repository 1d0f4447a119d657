"""Memory for large messages that stays with the process, instead of being given back after each and taken anew.

The C library of Linux (glibc) gives the free end of its heap back to the system from a bound on, at first 128 KiB. Who
makes one megabyte after another then takes each of its pages anew, five times a message: half of the time of a cell
that prints much went into that. The library raises the bound by itself, when a large block that it had mapped by itself
is set free: to twice the size of that, and maps blocks up to that size no longer. So one is taken, which nobody
writes to, and set free.

Other C libraries do as they do.
"""

from __future__ import annotations

__all__ = ["LARGE_BYTES", "keep_heap"]

LARGE_BYTES = 1 << 17
"""The size of the messages for which this is worth while, in bytes: up to here nothing is given back anyway."""

KEPT_BYTES = 16 << 20
"""The size of the block. Up to twice of it stays with a process that has had large messages."""

_kept = False


def keep_heap() -> None:
    """Have memory that is set free stay with the process from now on. A second call does nothing."""
    global _kept
    if not _kept:
        _kept = True
        bytes(KEPT_BYTES)
