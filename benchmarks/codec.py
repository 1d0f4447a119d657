"""What a faster JSON codec would give back, and what it costs at the start.

    python benchmarks/codec.py [--rounds=15]

Needs orjson and msgspec beside this package (the dependency group `benchmarks` has them). Every message of a cell is
encoded or decoded by each codec, the standard library's by the functions of the kernel. The start
is a process that has imported what a kernel has imported by then, with and without the codec. The last column is how
many cells it takes to earn the start's cost back.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
import orjson

from async_kernel.protocol.codec import from_json, to_json

HEADER = {
    "msg_id": "4f6c3a5c-1b7e4d0c9a_4711_42",
    "msg_type": "execute_request",
    "username": "username",
    "session": "4f6c3a5c-1b7e4d0c9a",
    "date": "2026-11-22T12:00:00.123456Z",
    "version": "5.5",
}
CODE = "import math\nfor number in range(10):\n    print(number, math.sqrt(number))\nsum(range(10))\n"
REQUEST = {"code": CODE, "silent": False, "store_history": True, "user_expressions": {}, "stop_on_error": True}
REPLY = {"status": "ok", "execution_count": 7, "user_expressions": {}, "payload": []}
RESULT = {"data": {"text/plain": "45", "text/html": "<b>45</b>"}, "metadata": {}, "execution_count": 7}

DECODED: list[Any] = [HEADER, {}, {"cellId": "a7c1b0de"}, REQUEST]
ENCODED: list[Any] = [
    {"execution_state": "busy"},
    {"code": CODE, "execution_count": 7},
    {"name": "stdout", "text": "0 0.0\n1 1.0\n" * 5},
    RESULT,
    REPLY,
    {"execution_state": "idle"},
]
"""What one cell costs: what is taken in, and what is sent. Headers are put together without a codec, and the parent's
is passed on as it came."""

ALREADY = "import json, zmq"
"""What a kernel has imported when it would import the codec; pyzmq itself imports json."""


class Library(NamedTuple):
    """A codec under measurement."""

    name: str
    statement: str
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


LIBRARIES = (
    Library("json", "pass", to_json, from_json),
    Library("orjson", "import orjson", orjson.dumps, orjson.loads),
    Library("msgspec", "import msgspec.json", msgspec.json.Encoder().encode, msgspec.json.Decoder().decode),
)


def cell_cost(library: Library, repeats: int = 2000) -> float:
    """Microseconds that the messages of one cell cost."""
    texts = [to_json(value) for value in DECODED]
    begun = time.perf_counter()
    for _ in range(repeats):
        for text in texts:
            library.decode(text)
        for value in ENCODED:
            library.encode(value)
    return (time.perf_counter() - begun) / repeats * 1e6


def start_cost(library: Library) -> float:
    """Milliseconds of a process that imports it."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-c", f"{ALREADY}; {library.statement}"], check=True)
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    """Measure in turn, print the medians."""
    parser = argparse.ArgumentParser(description="Compare JSON codecs.")
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    cells: dict[str, list[float]] = {library.name: [] for library in LIBRARIES}
    starts: dict[str, list[float]] = {library.name: [] for library in LIBRARIES}
    for number in range(rounds + 1):
        for library in LIBRARIES:
            cell, start = cell_cost(library), start_cost(library)
            if number:  # the first round warms the caches
                cells[library.name].append(cell)
                starts[library.name].append(start)
    base_cell, base_start = statistics.median(cells["json"]), statistics.median(starts["json"])
    print("| codec | a cell's messages | saved | start | added | earned back after |\n|---|---|---|---|---|---|")
    for library in LIBRARIES:
        cell, start = statistics.median(cells[library.name]), statistics.median(starts[library.name])
        saved, added = base_cell - cell, start - base_start
        earned = "" if library.name == "json" or saved <= 0 else f"{max(0.0, added) * 1000 / saved:.0f} cells"
        print(f"| {library.name} | {cell:.0f} µs | {saved:.0f} µs | {start:.1f} ms | {added:.1f} ms | {earned} |")


if __name__ == "__main__":
    main()
