"""The sockets: bound where they are to be, and saying so when they cannot."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
import threading
import time
from pathlib import Path

import pytest
import zmq

from async_kernel.errors import ConnectionFileError, NoThreadError
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.names import Channel
from async_kernel.settings import Settings
from async_kernel.transport import sockets as module
from async_kernel.transport.sockets import bind_sockets, listen_at
from async_kernel.wire import Wire

DEADLINE_MS = 20_000


def test_the_system_chooses_the_ports_of_zero() -> None:
    sockets = bind_sockets(ConnectionInfo(key="key"))
    try:
        ports = [sockets.connection.port(channel) for channel in Channel]
        assert all(0 < port < 65536 for port in ports)
        assert len(set(ports)) == 5
        assert sockets.connection.key == "key"
        assert json.loads(sockets.connection.to_text())["hb_port"] == sockets.connection.hb_port
    finally:
        sockets.close()


@pytest.mark.parametrize("ip", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_another_process_listens_on_is_given_up_at_once(ip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(seconds: float) -> None:
        raise AssertionError("it was waited for")

    monkeypatch.setattr("async_kernel.transport.sockets.time.sleep", wait)
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        with pytest.raises(ConnectionFileError, match="stdin"):
            bind_sockets(ConnectionInfo(stdin_port=taker.getsockname()[1], ip=ip))


def test_a_port_that_is_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BIND_SECONDS", 0.1)
    sockets = bind_sockets(ConnectionInfo())
    try:
        with pytest.raises(ConnectionFileError) as caught:
            bind_sockets(ConnectionInfo(stdin_port=sockets.connection.shell_port))
        assert "stdin" in str(caught.value)
        assert str(sockets.connection.shell_port) in str(caught.value)
        assert caught.value.next_step
    finally:
        sockets.close()
    monkeypatch.setattr(module, "BIND_SECONDS", DEADLINE_MS / 1000)  # somebody may have got it for a moment
    again = bind_sockets(sockets.connection)  # what was closed is free again
    again.close()


def test_a_port_that_is_taken_for_a_moment_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BIND_SECONDS", DEADLINE_MS / 1000)
    sleep = time.sleep
    with socket.socket() as taker:
        taker.bind(("127.0.0.1", 0))
        port = taker.getsockname()[1]

        def let_go(seconds: float) -> None:
            taker.close()
            sleep(seconds)

        monkeypatch.setattr("async_kernel.transport.sockets.time.sleep", let_go)
        sockets = bind_sockets(ConnectionInfo(iopub_port=port))
    try:
        assert taker.fileno() < 0, "it was taken at first"
        assert sockets.connection.iopub_port == port
    finally:
        sockets.close()


def test_ports_that_are_given_are_bound_before_others_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the system may choose one of them for another channel, whose socket then keeps it."""
    bound: list[str] = []

    def bind(socket: zmq.Socket[bytes], address: str) -> None:
        bound.append(address)
        socket.bind("tcp://127.0.0.1:*")

    monkeypatch.setattr(module, "_bind", bind)
    sockets = bind_sockets(ConnectionInfo(stdin_port=50001, iopub_port=50002))
    sockets.close()
    assert bound[:2] == ["tcp://127.0.0.1:50001", "tcp://127.0.0.1:50002"]
    assert set(bound[2:]) == {"tcp://127.0.0.1:*"}
    assert list(sockets.by_channel) == [Channel.CONTROL, Channel.SHELL, Channel.STDIN, Channel.IOPUB]


@pytest.mark.skipif(sys.platform == "win32", reason="no process becomes a kernel there")
def test_a_client_that_comes_before_the_sockets_is_served_by_them() -> None:
    first = bind_sockets(ConnectionInfo())  # for free ports
    connection = first.connection
    first.close()
    listen_at(connection)
    socket.create_connection(("127.0.0.1", connection.shell_port), 1).close()
    with zmq.Context() as context, context.socket(zmq.DEALER) as client:
        client.linger = 0
        client.reconnect_ivl = -1  # never: it has one chance
        client.connect(connection.address(Channel.SHELL))
        client.send(b"early")
        sockets = bind_sockets(connection)
        try:
            assert sockets.connection == connection
            assert sockets.by_channel[Channel.SHELL].poll(DEADLINE_MS)
            assert sockets.by_channel[Channel.SHELL].recv_multipart()[1:] == [b"early"]
        finally:
            sockets.close()
    assert module._listening == {}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", connection.shell_port), 1)


def test_a_name_instead_of_an_address_is_left_to_the_sockets() -> None:
    with pytest.raises(OSError, match="illegal IP"):
        listen_at(ConnectionInfo(ip="localhost", shell_port=1))
    assert module._listening == {}


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(ConnectionFileError, match="no-such-interface"):
        bind_sockets(ConnectionInfo(ip="no-such-interface"))


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_the_heart_beats(transport: str, tmp_path: Path) -> None:
    if transport == "ipc" and sys.platform == "win32":
        pytest.skip("libzmq has ipc on POSIX systems only")
    info = ConnectionInfo(1, 2, 3, 4, 5, ip=str(tmp_path / "k"), transport="ipc")
    sockets = bind_sockets(info if transport == "ipc" else ConnectionInfo())
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        heart = context.socket(zmq.REQ)
        heart.connect(sockets.connection.address(Channel.HB))
        for beat in (b"ping", b"", b"\x00" * 1000):
            heart.send(beat)
            assert heart.poll(DEADLINE_MS)
            assert heart.recv() == beat
    finally:
        context.destroy(linger=0)
        sockets.close()
    assert not sockets.heartbeat.is_alive()


def test_the_heart_beats_for_a_client_that_comes_back_with_its_identity() -> None:
    """Its first connection may be half open, so that only the client knows of its end."""
    sockets = bind_sockets(ConnectionInfo())
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        hearts = [context.socket(zmq.REQ) for _ in range(3)]
        for heart in hearts:
            heart.routing_id = b"client"
            heart.connect(sockets.connection.address(Channel.HB))
            heart.send(b"ping")
            assert heart.poll(DEADLINE_MS)
            assert heart.recv() == b"ping"
    finally:
        context.destroy(linger=0)
        sockets.close()


@pytest.mark.skipif(sys.platform == "win32", reason="libzmq has ipc on POSIX systems only")
def test_ipc_without_ports_gives_each_channel_its_own_address(tmp_path: Path) -> None:
    sockets = bind_sockets(ConnectionInfo(ip=str(tmp_path / "k"), transport="ipc"))
    try:
        assert len({sockets.connection.address(channel) for channel in Channel}) == 5
    finally:
        sockets.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where sockets of the ipc transport go: a short path, as theirs is limited in length."""
    if sys.platform == "win32":
        pytest.skip("libzmq has ipc on POSIX systems only")
    monkeypatch.chdir(tmp_path)
    return Path("runtime") / "kernel"


def test_sockets_in_files_are_the_owners_alone_and_go_when_they_are_closed(place: Path) -> None:
    before = os.umask(0)
    try:
        sockets = bind_sockets(ConnectionInfo(transport="ipc", ip=str(place)))
    finally:
        os.umask(before)
    try:
        files = sorted(place.parent.iterdir())
        assert [file.name for file in files] == [f"kernel-{number}" for number in range(1, 6)]
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        with zmq.Context() as context, context.socket(zmq.REQ) as client:
            client.connect(sockets.connection.address(Channel.HB))
            client.send(b"ping")
            assert client.poll(DEADLINE_MS)
            client.close(0)
    finally:
        sockets.close()
    assert list(place.parent.iterdir()) == []


def test_a_file_that_another_process_serves_is_not_taken(place: Path) -> None:
    first = bind_sockets(ConnectionInfo(transport="ipc", ip=str(place)))
    try:
        with pytest.raises(ConnectionFileError, match="in use"):
            bind_sockets(first.connection)
        assert len(list(place.parent.iterdir())) == 5
    finally:
        first.close()


def test_files_that_nobody_serves_are_taken_and_spared_by_who_left_them(place: Path) -> None:
    place.parent.mkdir()
    for number in range(1, 6):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(f"{place}-{number}")
    first = bind_sockets(ConnectionInfo(transport="ipc", ip=str(place)))
    for file in place.parent.iterdir():
        file.unlink()
    second = bind_sockets(first.connection)
    first.close()
    assert len(list(place.parent.iterdir())) == 5
    second.close()
    assert list(place.parent.iterdir()) == []


def refuse(self: threading.Thread) -> None:
    """In place of `Thread.start`: the system gives no more threads."""
    raise RuntimeError("can't start new thread")


def test_sockets_without_a_thread_for_the_heartbeat_are_given_back(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as short:
        short.setattr(threading.Thread, "start", refuse)
        with pytest.raises(NoThreadError):
            bind_sockets(ConnectionInfo(transport="ipc", ip=str(place)))
    assert list(place.parent.iterdir()) == []
    bind_sockets(ConnectionInfo(transport="ipc", ip=str(place))).close()


def test_a_wire_without_a_thread_gives_all_back_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wire(Settings(connection_file=".")) as wire, monkeypatch.context() as short:
        [file] = wire.files
        assert file.path == wire.path
        assert Path(file.path).exists()
        short.setattr(threading.Thread, "start", refuse)
        with pytest.raises(NoThreadError, match="ulimit"):
            wire.start(lambda channel, message: None)
    assert not Path(file.path).exists()
