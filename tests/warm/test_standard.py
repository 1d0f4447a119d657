"""The standard streams of a ready process are those that Python makes at the start for the same descriptors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LOOK = """
import json, os, sys
seen = {}
for name in ("stdin", "stdout", "stderr"):
    stream = getattr(sys, name)
    assert stream is getattr(sys, f"__{name}__")
    raw = getattr(stream.buffer, "raw", stream.buffer)
    seen[name] = [type(each).__name__ for each in (stream, stream.buffer, raw)]
    seen[name] += [getattr(stream, each) for each in ("name", "mode", "encoding", "errors", "line_buffering")]
    seen[name] += [stream.write_through, stream.isatty(), stream.seekable(), stream.fileno()]
    seen[name] += [raw.name, raw.mode, raw.closefd]
with open(sys.argv[1], "w") as file:
    json.dump(seen, file)
"""
TAKE = "import os, sys; from async_kernel.warm.standard import take_standard; take_standard([int(sys.argv[2])] * 3)"


@contextmanager
def opened(kind: str, folder: Path) -> Iterator[int]:
    """A descriptor of a kind, to read from and write to."""
    if kind == "terminal":
        ends = list(os.openpty())
    elif kind == "pipe":
        ends = list(reversed(os.pipe()))
    else:
        ends = [os.open(os.devnull if kind == "nowhere" else folder / "file", os.O_RDWR | os.O_CREAT)]
    try:
        yield ends[-1]
    finally:
        for end in ends:
            os.close(end)


def streams(folder: Path, code: str, *arguments: int, **options: Any) -> dict[str, list[object]]:
    found = folder / "found.json"
    command = [sys.executable, "-c", f"{code}\n{LOOK}", str(found), *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60, **options)
    seen: dict[str, list[object]] = json.loads(found.read_text())
    return seen


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("kind", ["terminal", "pipe", "file", "nowhere"])
def test_streams_are_those_of_a_start(
    kind: str, unbuffered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with opened(kind, tmp_path) as given:
        cold = streams(tmp_path, "", stdin=given, stdout=given, stderr=given)
        for other in ("terminal", "file"):
            with opened(other, tmp_path) as before:
                options = {"stdin": before, "stdout": before, "stderr": before, "pass_fds": [given]}
                assert streams(tmp_path, TAKE, given, **options) == cold
