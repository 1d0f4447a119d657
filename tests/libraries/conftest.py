"""The environment of the libraries, made once, with a kernel spec for each backend and one for ipykernel."""

from __future__ import annotations

import functools
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ..conftest import write_specs
from ..environments import make
from .cells import read
from .run import Seen, execute

Notebook = dict[str, Seen]


@pytest.fixture(scope="session")
def python(outside: Mapping[str, str]) -> Path:
    """The interpreter of the environment that holds the libraries, ipykernel and this kernel."""
    return make("libraries", outside)


@pytest.fixture(scope="session")
def kernels(home: Path, python: Path) -> Mapping[str, str]:
    """The kernel specs of that environment, by backend, and under "ipykernel"; no other test uses these names."""
    command = [str(python), "-m", "ipykernel", "install", "--user", "--name=libraries-ipykernel"]
    subprocess.run(command, check=True, timeout=60, stdout=subprocess.DEVNULL)
    ours = write_specs(home / "jupyter" / "kernels", str(python), prefix="libraries")
    return {**ours, "ipykernel": "libraries-ipykernel"}


@pytest.fixture(scope="session")
def under_ipykernel(kernels: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Notebook]:
    """What the cells of a notebook show under ipykernel; each is executed once."""

    @functools.cache
    def run(notebook: str) -> Notebook:
        return execute(read(notebook), kernels["ipykernel"], "asyncio", tmp_path_factory.mktemp(notebook))

    return run
