"""The digests that have been accepted: eight bytes each, for as long as the process lives.

A set of Python's takes a hundred bytes for a digest, which is too much to remember all of them. Eight bytes of a digest
tell it from all others as well: of 10^6 messages two have the same with a probability of 3 in 10^8. They stand in
sorted arrays, one of 256 for each first byte, so that a look takes a dozen steps and an insertion moves some thousands
of bytes: a microsecond for each message, after a million of them too.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

__all__ = ["SeenDigests"]


class SeenDigests:
    """A set of digests. One thread at a time may use it."""

    def __init__(self) -> None:
        self._sorted: dict[int, array[int]] = {}  # by their first byte; made as they are needed

    def __len__(self) -> int:
        return sum(map(len, self._sorted.values()))

    def add(self, digest: bytes) -> bool:
        """Take in a digest in hexadecimal digits, sixteen at least. False when it was there already."""
        number = int(digest[:16], 16)
        numbers = self._sorted.get(number >> 56)
        if numbers is None:
            numbers = self._sorted[number >> 56] = array("Q")
        place = bisect_left(numbers, number)
        if place < len(numbers) and numbers[place] == number:
            return False
        numbers.insert(place, number)
        return True
