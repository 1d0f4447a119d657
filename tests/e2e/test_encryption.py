"""CurveZMQ as jupyter_client asks for it: all channels encrypted, for those alone who know the kernel's key."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo

from .conftest import StartKernel
from .driver import DEADLINE, KernelDriver, wait_until

CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
SECRET = "a word that nobody else may read"


class Line(threading.Thread):
    """Passes on what goes between a client and one port of a kernel, and keeps it, as an eavesdropper does."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.heard = bytearray()
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.start()

    def run(self) -> None:
        """Take connections."""
        with suppress(OSError):  # it was closed
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(1 << 16):
                self.heard += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Take no more."""
        self._listener.close()


@pytest.fixture
def lines() -> Iterator[dict[str, Line]]:
    lines: dict[str, Line] = {}
    yield lines
    for line in lines.values():
        line.close()


def connection_of(kernel: KernelDriver) -> dict[str, Any]:
    """What the connection file says."""
    content: dict[str, Any] = json.loads(Path(kernel.manager.connection_file).read_text())
    return content


def client_of(connection: Mapping[str, Any]) -> BlockingKernelClient:
    """Another client, with its channels open."""
    client = BlockingKernelClient()
    client.load_connection_info(cast("KernelConnectionInfo", dict(connection)))
    client.start_channels()
    return client


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
@pytest.mark.parametrize("policy", ["disabled", "auto", "required"])
def test_each_policy_of_jupyter_client_on_each_transport(
    start_kernel: StartKernel, backend: str, policy: str, transport: str
) -> None:
    kernel = start_kernel(backend, encryption=policy, transport=transport)
    assert ("curve_secretkey" in connection_of(kernel)) is (policy != "disabled")
    assert kernel.execute("print(1); 2").result == "2"
    asked = kernel.start("input('?')", allow_stdin=True)
    question = kernel.receive("stdin")
    kernel.send("input_reply", {"value": "answer"}, channel="stdin", parent=question)
    assert kernel.finish(asked).result == "'answer'"
    assert kernel.request("kernel_info_request", channel="control")["content"]["status"] == "ok"
    kernel.client.hb_channel.unpause()
    assert kernel.client.hb_channel.is_beating()
    kernel.restart()
    assert kernel.execute("3").result == "3"


@pytest.mark.parametrize("policy", ["disabled", "required"])
def test_who_listens_on_the_network_reads_no_word(
    start_kernel: StartKernel, lines: dict[str, Line], policy: str
) -> None:
    """On one backend: the sockets know of none. Without encryption the words are there, or the test would see none."""
    kernel = start_kernel("asyncio", encryption=policy)
    connection = connection_of(kernel)
    for name in CHANNELS:
        lines[name] = Line(connection[f"{name}_port"])
        connection[f"{name}_port"] = lines[name].port
    client = client_of(connection)
    try:
        client.wait_for_ready(timeout=DEADLINE)
        reply = client.execute_interactive(f"print({SECRET!r}.upper())", timeout=DEADLINE, output_hook=lambda _: None)
        assert reply["content"]["status"] == "ok"
    finally:
        client.stop_channels()
    heard = b"".join(bytes(line.heard) for line in lines.values())
    words = [SECRET, SECRET.upper(), "print", "execute_request", "kernel_info", connection["key"]]
    found = [word for word in words if word.encode() in heard]
    assert len(heard) > 1000
    assert found == ([] if policy == "required" else words[:-1])


@pytest.mark.parametrize("keys", ["none", "those of another kernel"])
def test_who_does_not_know_the_key_of_the_kernel_is_not_heard(start_kernel: StartKernel, keys: str) -> None:
    """Each channel, by raw sockets; one that knows it is, beside them. On one backend: the sockets know of none."""
    kernel = start_kernel("asyncio", encryption="required")
    connection = connection_of(kernel)
    right = connection["curve_publickey"].encode()
    wrong = None if keys == "none" else zmq.curve_keypair()[0]
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    opened: list[zmq.Socket[bytes]] = []  # one that is collected while it is open warns
    try:
        for name in ("shell", "control", "stdin", "hb"):
            stranger, known = (_connect(context, connection, name, server) for server in (wrong, right))
            opened += stranger, known
            for one in (stranger, known):
                one.send_multipart([b"", b"ping"] if name == "hb" else _info_request(kernel))
            if name == "stdin":  # where nothing is answered
                continue
            assert known.poll(round(DEADLINE * 1000)), "who knows it is answered"
            assert not stranger.poll(0), "and this one was not by then"
        stranger, known = (_connect(context, connection, "iopub", server) for server in (wrong, right))
        assert known.poll(round(DEADLINE * 1000)), "the welcome"
        kernel.execute(f"print({SECRET!r})").ok()
        while SECRET.encode() not in b"".join(known.recv_multipart()):
            assert known.poll(round(DEADLINE * 1000))
        assert not stranger.poll(0)
    finally:
        context.destroy(linger=0)


def test_without_encryption_who_connects_with_the_identity_of_a_client_takes_its_replies(
    start_kernel: StartKernel, tmp_path: Path
) -> None:
    """All who may subscribe can read the identity: it is the session in the headers. A client that comes back is to be
    served, and nothing tells it from a thief. Whom it replaces is cut off."""
    kernel = start_kernel("asyncio", encryption="disabled")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        go_on = tmp_path / "go-on"
        kernel.start_until_printed(
            f"import os, time\nprint('on')\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.01)", "on"
        )
        thief = _connect(context, connection_of(kernel), "shell", None, identity=kernel.client.session.bsession)
        thief.send_multipart(_info_request(kernel))  # its answer shows that the place is taken
        assert _replies(thief) == "kernel_info_reply"
        go_on.touch()
        assert _replies(thief) == "execute_reply"
    finally:
        context.destroy(linger=0)


def test_with_encryption_nobody_takes_the_identity_of_a_client(start_kernel: StartKernel) -> None:
    kernel = start_kernel("asyncio", encryption="required")
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        thief = _connect(context, connection_of(kernel), "shell", None, identity=kernel.client.session.bsession)
        thief.send_multipart(_info_request(kernel))
        for _ in range(20):
            kernel.execute("1").ok()
        assert not thief.poll(0)
    finally:
        context.destroy(linger=0)


def _replies(socket: zmq.Socket[bytes]) -> str:
    """The type of the next message on a shell socket."""
    assert socket.poll(round(DEADLINE * 1000)), "a reply"
    frames = socket.recv_multipart()
    header = json.loads(frames[frames.index(b"<IDS|MSG>") + 2])
    return str(header["msg_type"])


def _connect(
    context: zmq.Context[zmq.Socket[bytes]],
    connection: Mapping[str, Any],
    channel: str,
    server: bytes | None,
    identity: bytes = b"",
) -> zmq.Socket[bytes]:
    one = context.socket(zmq.SUB if channel == "iopub" else zmq.DEALER)
    if identity:
        one.identity = identity
    if server is not None:
        one.curve_publickey, one.curve_secretkey = zmq.curve_keypair()
        one.curve_serverkey = server
    if channel == "iopub":
        one.subscribe(b"")
    one.connect(f"tcp://127.0.0.1:{connection[f'{channel}_port']}")
    return one


def _info_request(kernel: KernelDriver) -> list[bytes]:
    session = kernel.client.session
    frames: list[bytes] = session.serialize(session.msg("kernel_info_request", {}))
    return frames


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"curve_secretkey": None}, "lacks the other"),
        ({"curve_publickey": ""}, "lacks the other"),
        ({"curve_secretkey": "nonsense"}, "as its curve_secretkey"),
        ({"curve_publickey": 7}, "as its curve_publickey"),
        ({"curve_publickey": zmq.curve_keypair()[0].decode()}, "do not belong together"),
    ],
)
def test_half_keys_and_nonsense_are_an_error_and_no_plain_text(
    tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """The kernel does not start, says why, and has bound nothing by then."""
    public, secret = (key.decode() for key in zmq.curve_keypair())
    ports = {f"{name}_port": 0 for name in CHANNELS}
    file = tmp_path / "kernel.json"
    fields = {"ip": "127.0.0.1", "transport": "tcp", "key": "k", **ports}
    keys = {"curve_publickey": public, "curve_secretkey": secret, **change}
    file.write_text(json.dumps({**fields, **{name: value for name, value in keys.items() if value is not None}}))
    done = subprocess.run(
        [sys.executable, "-m", "async_kernel", "-f", str(file)], capture_output=True, text=True, timeout=DEADLINE
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert secret not in done.stderr


def test_a_kernel_that_writes_its_connection_file_makes_keys(tmp_path: Path) -> None:
    file = tmp_path / "kernel.json"
    kernel = subprocess.Popen([sys.executable, "-m", "async_kernel", "-f", str(file)], stdout=subprocess.DEVNULL)
    client = None
    try:
        wait_until(file.exists, "the connection file")
        wait_until(lambda: file.read_text().endswith("}\n"), "all of it")
        connection = json.loads(file.read_text())
        assert len(connection["curve_publickey"]) == len(connection["curve_secretkey"]) == 40
        client = client_of(connection)
        client.wait_for_ready(timeout=DEADLINE)
        assert client.execute("1 + 1", reply=True, timeout=DEADLINE)["content"]["status"] == "ok"
        client.shutdown()
        assert kernel.wait(DEADLINE) == 0
    finally:
        if client is not None:
            client.stop_channels()
        kernel.kill()
        kernel.wait(DEADLINE)


def test_the_keys_are_not_shown(start_kernel: StartKernel) -> None:
    kernel = start_kernel("asyncio", encryption="required")
    connection = connection_of(kernel)
    shown = kernel.execute("%connect_info").text()
    for name in ("key", "curve_publickey", "curve_secretkey"):
        assert connection[name] not in shown
    shown = kernel.execute("%connect_info --key").text()
    assert connection["curve_secretkey"] in shown
