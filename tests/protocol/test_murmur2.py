"""The hash of cells, against values of MurmurHash2 that are known elsewhere."""

from __future__ import annotations

import pytest

from async_kernel.protocol.murmur2 import SEED, murmur2


@pytest.mark.parametrize(
    ("text", "seed", "value"),
    [
        ("", 0, 0),
        ("abc", 0, 0x13577C9B),
        ("print('hello')\n", SEED, 0xFF96A754),
        ("ä = 'ü'", SEED, 0xC96CD957),
    ],
)
def test_known_values(text: str, seed: int, value: int) -> None:
    assert murmur2(text.encode(), seed) == value


def by_the_book(data: bytes, seed: int) -> int:
    """The algorithm as its author wrote it down, byte by byte."""
    factor, mask, left, place = 0x5BD1E995, 0xFFFFFFFF, len(data), 0
    value = seed ^ left
    while left >= 4:
        word = data[place] | data[place + 1] << 8 | data[place + 2] << 16 | data[place + 3] << 24
        word = word * factor & mask
        word ^= word >> 24
        word = word * factor & mask
        value = value * factor & mask
        value ^= word
        place, left = place + 4, left - 4
    if left == 3:
        value ^= data[place + 2] << 16
    if left >= 2:
        value ^= data[place + 1] << 8
    if left >= 1:
        value ^= data[place]
        value = value * factor & mask
    value ^= value >> 13
    value = value * factor & mask
    return value ^ value >> 15


@pytest.mark.parametrize("length", range(40))
def test_every_length(length: int) -> None:
    data = bytes((17 * number + 200) % 256 for number in range(length))
    assert murmur2(data) == by_the_book(data, SEED)
