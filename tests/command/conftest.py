"""The command line in an environment of the tests' own: nothing is written where the tests themselves run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from async_kernel.command import command_line
from async_kernel.kernelspec.surroundings import Surroundings


class Ran(NamedTuple):
    """What a command gave."""

    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The prefix of the environment in which `run` runs; its home is empty."""
    prefix = tmp_path / "science"
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    home = tmp_path / "home"
    home.mkdir()
    here = Surroundings(
        platform="linux",
        environ={},
        home=str(home),
        cwd=str(tmp_path),
        prefix=str(prefix),
        base_prefix="/usr",
        executable=str(prefix / "bin" / "python"),
        data=str(prefix),
    )
    monkeypatch.setattr(Surroundings, "here", lambda: here)
    return prefix


@pytest.fixture
def run(prefix: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process."""

    def run(*words: str) -> Ran:
        status = command_line(words)
        return Ran(status, *capsys.readouterr())

    return run
