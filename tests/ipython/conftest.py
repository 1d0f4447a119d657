"""One interpreter for each test module: it is a singleton of the process, and gives back what it took when closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from async_kernel.ipython import create_interpreter
from async_kernel.ipython.interpreter import IPythonInterpreter

from .harness import BACKENDS, Ran, Shell, run_on


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An IPython directory of our own, and the environment variables as they were afterwards."""
    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("ipython")
    os.environ["IPYTHONDIR"] = str(folder)
    os.environ.pop("PYTHONSTARTUP", None)
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def interpreter(environment: Path) -> Iterator[IPythonInterpreter]:
    """The interpreter under test, its streams leading to the requests."""
    path = list(sys.path)
    made = create_interpreter()
    yield made
    made.close(restart=False)
    sys.path[:] = path


@pytest.fixture
def shell(interpreter: IPythonInterpreter, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Runs cells, inside a loop."""
    return Shell(interpreter, monkeypatch)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    name: str = request.param
    pytest.importorskip(name, reason=f"{name} is not installed")
    return name


@pytest.fixture
def cells(shell: Shell) -> Callable[..., Any]:
    """Run cells on asyncio, one after the other in one loop: `cells("x = 1", "x")` returns the last one's outcome."""

    def run(*codes: str, **options: Any) -> Ran:
        async def main() -> Ran:
            for code in codes[:-1]:
                await shell.run(code)
            return await shell.run(codes[-1], **options)

        ran: Ran = run_on("asyncio", main)
        return ran

    return run
