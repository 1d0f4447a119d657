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
    count, length = len(data) // 4, len(data)
    value = (seed ^ length) & _MASK
    for word in _scrambled(data[: 4 * count], count):
        value = value * _FACTOR & _MASK ^ word
    if 4 * count < length:
        value = (value ^ int.from_bytes(data[4 * count :], "little")) * _FACTOR & _MASK
    value = (value ^ value >> 13) * _FACTOR & _MASK
    return value ^ value >> 15


def _scrambled(data: bytes, count: int) -> tuple[int, ...]:
    """The `count` words of 32 bits in `data`, each scrambled by itself: all at once, as one long integer in which each
    has 64 bits of room for its product. Word by word that takes longer than all else that is done to compile a cell."""
    words = int.from_bytes(struct.pack(f"<{count}Q", *struct.unpack(f"<{count}I", data)), "little")
    low = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * count, "little")
    words = words * _FACTOR & low
    words = (words ^ words >> 24 & low) * _FACTOR & low
    return struct.unpack(f"<{count}Q", words.to_bytes(8 * count, "little"))
