"""How a kernel comes to its addresses: ports that it registers (JEP 66), and the ipc transport."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpecManager

from ..beyond.rest import SHOWS, family, gone
from ..gateway.service import connect, interrupted, printed
from .driver import DEADLINE, wait_until

Connection = dict[str, Any]


@pytest.fixture
def start(specs: Mapping[str, str], backend: str, peer: str, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Start the kernel of a spec on a file that is no connection file of jupyter_client's making."""
    if peer:
        pytest.skip("peers are not asked to register")
    processes: list[subprocess.Popen[str]] = []
    argv = KernelSpecManager().get_kernel_spec(specs[backend]).argv

    def start(file: Path) -> subprocess.Popen[str]:
        command = [sys.executable, *argv[1:]]
        process = subprocess.Popen(
            [part.replace("{connection_file}", str(file)) for part in command],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=DEADLINE)


def check(connection: Connection) -> None:
    """Run a cell over a connection."""
    client = BlockingKernelClient()
    client.load_connection_info(cast("KernelConnectionInfo", connection))
    client.start_channels()
    try:
        client.wait_for_ready(timeout=DEADLINE)
        reply = client.execute_interactive("answer = 6 * 7", user_expressions={"it": "answer"}, timeout=DEADLINE)
        assert reply["content"]["user_expressions"]["it"]["data"]["text/plain"] == "42"
    finally:
        client.stop_channels()
        client.context.term()


def ends(process: subprocess.Popen[str]) -> None:
    """Shut it down by SIGTERM, and see that it had nothing to say."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=DEADLINE)
    assert (process.returncode, errors) == (0, "")


class Service:
    """A registration service for any number of kernels, as jupyter_client documents it ("Kernel startup handshake")."""

    key = "a key of this test"

    def __init__(self, folder: Path, acknowledges: bool = True) -> None:
        self._folder = folder
        self._acknowledges = acknowledges
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.registered: dict[str, Connection] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _sign(self, content: bytes) -> bytes:
        return hmac.new(self.key.encode(), content, hashlib.sha256).hexdigest().encode()

    def _serve(self) -> None:
        while not self._ended.is_set():
            if self._socket.poll(20):
                identity, delimiter, digest, content = self._socket.recv_multipart()
                assert (delimiter, digest) == (b"<IDS|MSG>", self._sign(content))
                registered = json.loads(content)
                kernel_id = registered.pop("kernel_id")
                self.registered[kernel_id] = {name: int(port) for name, port in registered.items()}
                if self._acknowledges:
                    self._socket.send_multipart([identity, delimiter, self._sign(b"{}"), b"{}"])

    def file(self, kernel_id: str) -> Path:
        """Write the registration file of a kernel."""
        content = {
            "kernel_id": kernel_id,
            "transport": "tcp",
            "registration_ip": "127.0.0.1",
            "registration_port": self.port,
            "signature_scheme": "hmac-sha256",
            "key": self.key,
        }
        path = self._folder / f"kernel-{kernel_id}.json"
        path.write_text(json.dumps(content))
        return path

    def connection(self, kernel_id: str) -> Connection:
        """The connection of a kernel, once it has registered."""
        ports = wait_until(lambda: self.registered.get(kernel_id), "the registration")
        return {"transport": "tcp", "ip": "127.0.0.1", "signature_scheme": "hmac-sha256", "key": self.key, **ports}

    def close(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join()
        self._socket.close()
        self._context.term()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends the kernels")
def test_a_kernel_chooses_its_ports_and_registers_them(
    start: Callable[[Path], subprocess.Popen[str]], service: Service, home: Path
) -> None:
    file = service.file("5f2c")
    text = file.read_text()
    process = start(file)
    connection = service.connection("5f2c")
    check(connection)
    [written] = (home / "runtime").glob("kernel-5f2c-*.json")
    assert written.stat().st_mode & 0o777 == 0o600
    others = json.loads(written.read_text())
    assert connection.items() <= others.items(), "other clients find it there"
    ends(process)
    assert not written.exists()
    assert file.read_text() == text, "a restart needs it again"


def test_a_life_by_registration(start: Callable[[Path], subprocess.Popen[str]], service: Service) -> None:
    """A cell, an interrupt, a restart from the same file, and the end, as a launcher of JEP 66 does them; each time
    nothing is left."""
    file = service.file("5f2c")
    for restart in (True, False):
        process = start(file)
        client = connect(service.connection("5f2c"))
        try:
            assert printed(client, "print('new' if 'old' not in dir() else 'old'); old = 1") == "new\n"
            if sys.platform != "win32":  # there children are left to themselves
                pid, child, _ = map(int, printed(client, SHOWS).split())
                assert pid == process.pid
                processes = family(pid, child)

            def interrupt(client: BlockingKernelClient = client) -> None:
                client.control_channel.send(client.session.msg("interrupt_request", {}))

            assert interrupted(client, interrupt) == "KeyboardInterrupt"
            service.registered.clear()
            client.shutdown(restart=restart)
            _, errors = process.communicate(timeout=DEADLINE)
            assert (process.returncode, errors) == (0, "")
            if sys.platform != "win32":
                asyncio.run(gone(processes))
        finally:
            client.stop_channels()
            client.context.term()


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM ends the kernels")
def test_several_register_at_one_socket(start: Callable[[Path], subprocess.Popen[str]], service: Service) -> None:
    processes = [start(service.file(str(number))) for number in range(3)]
    connections = [service.connection(str(number)) for number in range(3)]
    ports = [port for connection in connections for name, port in connection.items() if name.endswith("_port")]
    assert len(set(ports)) == 15
    for connection in connections:
        check(connection)
    for process in processes:
        ends(process)


def test_a_kernel_that_nobody_acknowledges_ends(peer: str, tmp_path: Path) -> None:
    if peer:
        pytest.skip("peers are not asked to register")
    service = Service(tmp_path, acknowledges=False)
    try:
        command = [sys.executable, "-m", "async_kernel", "-f", str(service.file("5f2c"))]
        process = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=DEADLINE + 10)
        assert "5f2c" in service.registered
        assert process.returncode == 1
        assert "could not register" in process.stderr
        assert "Traceback" not in process.stderr
    finally:
        service.close()


@pytest.mark.skipif(sys.platform == "win32", reason="libzmq has ipc on POSIX systems only")
def test_the_ipc_transport(start: Callable[[Path], subprocess.Popen[str]], tmp_path: Path) -> None:
    connection: Connection = {
        "transport": "ipc",
        "ip": os.path.relpath(tmp_path / "s"),  # the path of a socket has to be short
        "key": "a key",
        "signature_scheme": "hmac-sha256",
    }
    connection |= {f"{name}_port": n for n, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
    file = tmp_path / "kernel.json"
    file.write_text(json.dumps(connection | {"ip": "s"}))
    process = start(file)
    wait_until(lambda: (tmp_path / "s-5").exists(), "the sockets")
    check(connection)
    ends(process)
    assert list(tmp_path.glob("s-*")) == []
    killed = start(file)
    wait_until(lambda: (tmp_path / "s-5").exists(), "the sockets")
    check(connection)
    killed.kill()
    wait_until(lambda: not list(tmp_path.glob("s-*")), "the guardian to remove the sockets")
