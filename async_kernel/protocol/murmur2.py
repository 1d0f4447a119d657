"""The hash by which front ends name the files of cells: MurmurHash2, 32 bits (messaging spec, "debugInfo").

A front end computes the file name of a cell from its text, to find the cell that a breakpoint or a frame belongs to.
"""

from __future__ import annotations

import struct

__all__ = ["SEED", "murmur2"]

SEED = 0xC70F6907
"""The seed that is told to front ends; any would do."""

_FACTOR = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes, seed: int = SEED) -> int:
    """The hash of `data`, for example `murmur2(b"abc", 0)` is 0x13577C9B."""
    length = len(data)
    whole = length & ~3
    value = (seed ^ length) & _MASK
    for word in struct.unpack(f"<{whole // 4}I", data[:whole]):
        word = word * _FACTOR & _MASK
        value = value * _FACTOR & _MASK ^ (word ^ word >> 24) * _FACTOR & _MASK
    if whole < length:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _FACTOR & _MASK
    value = (value ^ value >> 13) * _FACTOR & _MASK
    return value ^ value >> 15
