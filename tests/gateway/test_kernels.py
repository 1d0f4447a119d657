"""Real kernels that a gateway has started: told, interrupted, ended, and gone with all that they have started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from tests.conftest import BACKENDS
from tests.e2e.driver import wait_until
from tests.e2e.test_shutdown import is_gone

from .service import PORTS, PYTHON, Gateway, ask, connect, interrupted, listens, printed, start

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gateways start kernels elsewhere")


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    with Gateway() as gateway:
        yield gateway


@pytest.fixture
def argv(backend: str, tmp_path: Path) -> list[str]:
    """The argv of a spec that the command line has written for a gateway."""
    folder = tmp_path / "kernels"
    command = [PYTHON, "-m", "async_kernel", "-a", "far", f"--folder={folder}", "--gateway=ssh", *BACKENDS[backend]]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    words: list[str] = json.loads((folder / "far" / "kernel.json").read_text())["argv"]
    return words


class Started:
    """A kernel that the gateway has started."""

    def __init__(self, gateway: Gateway, argv: list[str], folder: Path, port_range: str = PORTS) -> None:
        self.folder = folder
        self.process = start(gateway.fill_in(argv, "k1", port_range), folder)
        try:
            self.told = gateway.receive()
        except OSError as error:
            error.add_note(self.log())
            self.process.kill()
            raise
        self.client: BlockingKernelClient | None = None

    def connect(self) -> BlockingKernelClient:
        """A client of it."""
        self.client = connect(self.told)
        return self.client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.client is not None:
            self.client.stop_channels()
        self.process.kill()
        self.process.wait()
        if error is not None:
            error.add_note(self.log())

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def end(self) -> None:
        """Nothing of it is left."""
        assert self.process.wait(20) == 0, self.log()
        wait_until(lambda: not listens(self.told), "the end of the port for signals")


def comm_process(told: dict[str, Any]) -> psutil.Process:
    """The process that serves the port of a kernel."""
    return next(
        process
        for process in psutil.process_iter(["cmdline"])
        if (words := process.info["cmdline"] or [""])[-1] == told["pid"] and any("comm_port.py" in one for one in words)
    )


def test_a_life(gateway: Gateway, argv: list[str], tmp_path: Path) -> None:
    with Started(gateway, argv, tmp_path, "22000..23000") as kernel:
        told = kernel.told
        ports = [told[name] for name in told if name.endswith("_port")]
        assert len(set(ports)) == 6
        assert all(22000 <= port <= 23000 for port in ports)
        assert told["kernel_id"] == "k1"
        assert told["pid"] == str(kernel.process.pid)
        assert "curve_publickey" not in told
        client = kernel.connect()
        assert printed(client, "print(6 * 7)") == "42\n"
        assert interrupted(client, lambda: ask(told, {"signum": signal.SIGINT})) == "KeyboardInterrupt"
        child = int(printed(client, "import subprocess; print(subprocess.Popen(['sleep', '600']).pid)"))
        server = comm_process(told)
        assert server.ppid() != kernel.process.pid
        ask(told, {"shutdown": 1})
        kernel.end()
        wait_until(lambda: is_gone(server) and not psutil.pid_exists(child), "the end of what belonged to it")
    assert not list(Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob(f"*{kernel.process.pid}*"))


def test_it_listens_where_the_gateway_is_and_nowhere_else(gateway: Gateway, argv: list[str], tmp_path: Path) -> None:
    with Started(gateway, argv, tmp_path) as kernel:
        processes = [psutil.Process(kernel.process.pid), comm_process(kernel.told)]
        listening = [one for each in processes for one in each.net_connections() if one.status == "LISTEN"]
        assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
        assert {one.laddr.port for one in listening} == {v for n, v in kernel.told.items() if n.endswith("_port")}
        ask(kernel.told, {"signum": signal.SIGTERM})
        kernel.end()


def test_a_kernel_whose_lock_c_code_holds_is_ended_by_the_gateway(
    gateway: Gateway, argv: list[str], tmp_path: Path
) -> None:
    with Started(gateway, argv, tmp_path) as kernel:
        client = kernel.connect()
        client.execute("import ctypes; open('runs', 'w').close(); ctypes.PyDLL(None).sleep(600)")
        wait_until((tmp_path / "runs").exists, "the cell")
        assert listens(kernel.told)
        ask(kernel.told, {"signum": signal.SIGKILL})
        assert kernel.process.wait(20) == -signal.SIGKILL
        wait_until(lambda: not listens(kernel.told), "the end of the port for signals")


def test_junk_on_the_port_is_dropped(gateway: Gateway, argv: list[str], tmp_path: Path) -> None:
    with Started(gateway, argv, tmp_path, "0..0") as kernel:  # the system chooses the ports
        for junk in (b"", b"GET / HTTP/1.0\r\n\r\n", b'{"signum": 19}', b"\0" * 5000, {"eval": "1"}):
            ask(kernel.told, junk)
        assert printed(kernel.connect(), "print('well')") == "well\n"
        ask(kernel.told, {"signum": signal.SIGTERM})
        assert kernel.process.wait(20) == 0, kernel.log()


def test_it_encrypts_when_the_gateway_asks_for_it(gateway: Gateway, argv: list[str], tmp_path: Path) -> None:
    words = [word.replace("{transport_encryption}", "required") for word in argv]
    with Started(gateway, words, tmp_path) as kernel:
        assert len(kernel.told["curve_publickey"]) == len(kernel.told["curve_secretkey"]) == 40
        client = kernel.connect()
        assert printed(client, "print('in private')") == "in private\n"
        client.shutdown()
        kernel.end()


def test_a_kernel_that_nobody_takes_in_does_not_live_on(argv: list[str], tmp_path: Path) -> None:
    with Gateway() as gone:
        words = gone.fill_in(argv, "k1")
    process = start(words, tmp_path)
    assert process.wait(20) == 1
    log = (tmp_path / "log.txt").read_text()
    assert "cannot report its ports to the gateway" in log
    assert "Traceback" not in log
    assert not list(Path(os.environ["JUPYTER_RUNTIME_DIR"]).glob(f"*{process.pid}*"))


def test_a_container_is_told_by_its_environment(gateway: Gateway, tmp_path: Path, backend: str) -> None:
    with start(
        [PYTHON, "-m", "async_kernel", "--gateway=container"],
        tmp_path,
        RESPONSE_ADDRESS=gateway.response_address,
        PUBLIC_KEY=gateway.public_key,
        KERNEL_ID="pod",
        KERNEL_ARGUMENTS=" ".join(f'"{word}"' for word in BACKENDS[backend]),
    ) as process:
        try:
            told = gateway.receive()
            assert told["kernel_id"] == "pod"
            client = connect(told)
            found = printed(client, "import sniffio; print(sniffio.current_async_library())")
            assert found.strip() == ("trio" if backend == "trio" else "asyncio")
            client.stop_channels()
            ask(told, {"shutdown": 1})
            assert process.wait(20) == 0
        finally:
            process.kill()
