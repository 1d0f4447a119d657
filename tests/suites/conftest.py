"""Runners for suites: the environment, made once, and a kernel spec `python3` for each backend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..environments import make
from .differences import Suite
from .run import Runner, prepare

MakeRunner = Callable[[Suite, str], Runner]


@pytest.fixture(scope="session")
def python(outside: Mapping[str, str]) -> Path:
    """The interpreter of the environment that suites run in."""
    return make("suites", outside)


@pytest.fixture
def runner(python: Path, outside: Mapping[str, str], tmp_path: Path) -> MakeRunner:
    """Make a runner: `runner(SUITES["nbclient"], "trio")`, or `runner(SUITES["nbclient"], "")` for ipykernel."""
    return lambda suite, backend: prepare(suite, backend, python, tmp_path, outside)
