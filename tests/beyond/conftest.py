"""Environments with gateways in them, an ssh server on this machine, and programs that are waited for."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from ..browser.server import free_port
from ..conftest import BACKENDS
from ..environments import make

DEADLINE = 90.0

HOST = "127.0.0.2"
"""This machine, under an address that the gateways do not know as their own: so they take ssh."""


class Serve(Protocol):
    """Start a program that serves HTTP, and give its address."""

    def __call__(
        self, command: Sequence[str], port: int, path: str = ..., **variables: str
    ) -> AbstractContextManager[str]: ...


@pytest.fixture(scope="session")
def gateways(outside: Mapping[str, str]) -> Path:
    """The interpreter of an environment with the kernel gateway, gateway_provisioners, a server and JupyterHub."""
    return make("gateways", outside)


@pytest.fixture(scope="session")
def enterprise(outside: Mapping[str, str]) -> Path:
    """That of an environment with Enterprise Gateway, whose jupyter_client is an old one. Kernels run in ours."""
    return make("enterprise", outside, ours=False)


@pytest.fixture(params=["uvloop", "trio"])
def backend(request: pytest.FixtureRequest) -> str:
    """The backends of these tests: they try the ways to a kernel, which know nothing of its loop."""
    return str(request.param)


@pytest.fixture
def write(tmp_path: Path, backend: str) -> Write:
    """Have the command line of an environment write a spec, that of the tests if no other is named."""

    def write(*options: str, python: Path = Path(sys.executable)) -> str:
        command = [str(python), "-m", "async_kernel", "-a", "beyond", f"--folder={tmp_path / 'jupyter' / 'kernels'}"]
        subprocess.run([*command, *BACKENDS[backend], *options], check=True, timeout=60, capture_output=True)
        return "beyond"

    return write


class Write(Protocol):
    def __call__(self, *options: str, python: Path = ...) -> str: ...


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Start a program that serves HTTP in the test's folder; its log is in the error of a test that fails."""

    @contextmanager
    def serve(command: Sequence[str], port: int, path: str = "api", **variables: str) -> Iterator[str]:
        log = tmp_path / f"{port}.log"
        environ = {**os.environ, "JUPYTER_PATH": str(tmp_path / "jupyter"), "JPY_PARENT_PID": "", **variables}
        del environ["PYTEST_CURRENT_TEST"]  # where it is, gateway_provisioners leaves things out
        with log.open("wb") as file:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_answered(f"{address}/{path}", process)
            yield address
        except BaseException as error:
            error.add_note(log.read_text(encoding="utf-8", errors="replace")[-8000:])
            raise
        finally:
            process.terminate()
            try:
                process.wait(DEADLINE)
            finally:
                process.kill()
                process.wait()

    return serve


def _wait_answered(address: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while not _answers(address):
        assert process.poll() is None, f"exit status {process.returncode}"
        assert time.monotonic() < end, f"no answer within {DEADLINE} s"
        time.sleep(0.05)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=DEADLINE).close()
    except urllib.error.HTTPError as error:
        return error.code not in (404, 503)  # of a proxy, whose server is not there
    except OSError:
        return False
    return True


class Ssh:
    """An ssh server on this machine, for the user who runs the tests."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self.user = getpass.getuser()
        self.folder = folder


@pytest.fixture(scope="session")
def ssh(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Ssh]:
    """A server that listens on `HOST`, with a key of its own, which the home of the tests knows.

    paramiko, which the gateways use, finds known hosts and keys in HOME.
    """
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None:
        pytest.skip("there is no sshd: apt-get install openssh-server")
    folder = tmp_path_factory.mktemp("sshd")
    port = free_port()
    keys = home / ".ssh"
    keys.mkdir(mode=0o700, exist_ok=True)
    for path in (folder / "host", keys / "id_ed25519"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True, timeout=60)
    name = f"[{HOST}]:{port}"
    (keys / "known_hosts").write_text(f"{name} {(folder / 'host.pub').read_text()}")
    shutil.copy(keys / "id_ed25519.pub", folder / "authorized_keys")
    (folder / "config").write_text(
        f"ListenAddress {HOST}\nPort {port}\nHostKey {folder / 'host'}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {folder / 'authorized_keys'}\nPermitRootLogin yes\nPasswordAuthentication no\n"
        f"SetEnv HOME={home} JUPYTER_RUNTIME_DIR={os.environ['JUPYTER_RUNTIME_DIR']}"
        f" IPYTHONDIR={os.environ['IPYTHONDIR']}\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)  # it wants that folder for itself
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([server, "-D", "-e", "-f", str(folder / "config")], stdout=log, stderr=log)
    try:
        end = time.monotonic() + DEADLINE
        while b"Server listening" not in (folder / "log").read_bytes():
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.02)
        yield Ssh(folder, port)
    finally:
        process.terminate()
        process.wait(DEADLINE)
