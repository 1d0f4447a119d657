"""An environment of the tests' own to write specs from."""

from __future__ import annotations

from pathlib import Path

import pytest

from async_kernel.kernelspec.surroundings import Surroundings


def make_environment(prefix: Path) -> Path:
    """A folder that looks like an environment: it has an interpreter."""
    python = prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    return prefix


@pytest.fixture
def here(tmp_path: Path) -> Surroundings:
    """A virtual environment "science" of a user whose home is empty."""
    prefix = make_environment(tmp_path / "science")
    home = tmp_path / "home"
    home.mkdir()
    return Surroundings(
        platform="linux",
        environ={},
        home=str(home),
        cwd=str(tmp_path),
        prefix=str(prefix),
        base_prefix="/usr",
        executable=str(prefix / "bin" / "python"),
        data=str(prefix),
    )
