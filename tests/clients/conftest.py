"""An environment with the clients and the kernel, its kernel specs, a Jupyter server, and ways to run clients."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from ..browser.conftest import browser as browser
from ..browser.log import ALLOWED, objections
from ..browser.server import TOKEN, Server
from ..conftest import BACKENDS, write_specs
from ..environments import cache, make
from .page import PACKAGES
from .table import CLIENTS

DEADLINE = 120.0
"""Seconds that a client may take for all that it does; each of its waits has a deadline of its own below that."""

DRIVERS = Path(__file__).with_name("drivers")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def python(outside: Mapping[str, str]) -> Path:
    """The interpreter of the environment that holds the clients and this kernel."""
    return make("clients", outside)


@pytest.fixture(scope="session")
def specs(home: Path, peer: str, python: Path, pytestconfig: pytest.Config) -> Mapping[str, str]:
    """The kernel spec of each backend in that environment, or in the one that `--python` names."""
    if peer:
        return dict.fromkeys(BACKENDS, peer)
    return write_specs(home / "clients" / "kernels", pytestconfig.getoption("--python") or str(python))


@pytest.fixture(scope="session")
def environment(home: Path, specs: Mapping[str, str], python: Path) -> Mapping[str, str]:
    """The environment variables of clients: their commands are found, and the kernel specs."""
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    return MappingProxyType({"PATH": path, "JUPYTER_PATH": str(home / "clients"), "PYTHONUNBUFFERED": "1"})


@pytest.fixture
def run(python: Path, environment: Mapping[str, str], tmp_path: Path) -> Run:
    """Run a program of that environment in the test's folder: `run("papermill", ...)`; its status has to be 0.

    All that it wrote is in the error if it is not.
    """

    def run(
        program: str, *arguments: str, folder: Path = tmp_path, status: int = 0, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        command = [shutil.which(program, path=environment["PATH"]) or program, *arguments]
        done = subprocess.run(
            command, cwd=folder, env={**os.environ, **environment, **variables}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == status, f"{program}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def modules(outside: Mapping[str, str]) -> Path:
    """The folder with the packages that npm has installed, as package-lock.json pins them."""
    npm = shutil.which("npm")
    if npm is None and not os.environ.get("CI"):
        pytest.skip("there is no npm; .ci/run installs it")
    assert npm, "there is no npm, and CI has to install it"
    folder = cache("clients") / "node"
    pins = folder / "package-lock.json"
    if not (folder / "made").exists() or pins.read_bytes() != PACKAGES.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PACKAGES.with_name(name), folder)
        subprocess.run(
            [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=folder, env=dict(outside), check=True, timeout=300, capture_output=True,
        )  # fmt: skip
        (folder / "made").touch()
    return folder


@pytest.fixture(scope="session")
def running(python: Path, environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Jupyter server, without a front end."""
    program = [str(python), "-m", "jupyter_server"]
    with Server(tmp_path_factory.mktemp("server"), environment, program) as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server; at the end of the test its kernels are ended and its log is judged."""
    logged = len(running.log())
    yield running
    running.end_kernels()
    allowed = {**ALLOWED, r"\[W .* ServerApp\] kernel [\w-]+ restarted": "the test has killed it"}
    assert objections(running.log()[logged:], allowed) == []


def seen_by(package: str, done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The report of a driver, its last line; the steps have to be those of the table."""
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert ", ".join(seen) == CLIENTS[package].shown
    return seen


def address(server: Server) -> Sequence[str]:
    """The arguments of a driver that name a server."""
    return [server.address, TOKEN]
