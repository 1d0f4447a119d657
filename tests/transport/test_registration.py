"""Registering at a launcher's socket: what is sent, what counts as an acknowledgement, and what happens without one."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest
import zmq

from async_kernel.errors import ConnectionFileError
from async_kernel.protocol.connection import ConnectionInfo, Registration
from async_kernel.protocol.names import DELIMITER, Channel
from async_kernel.protocol.signing import Signer
from async_kernel.transport import registration as module
from async_kernel.transport.registration import register
from async_kernel.transport.sockets import Sockets, bind_sockets

DEADLINE = 20.0

Answer = Callable[[Signer], list[list[bytes]]]


class Launcher:
    """A registration service that takes one registration and answers as it is told."""

    def __init__(self, answer: Answer) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.linger = 0
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.registration = Registration("an id", registration_port=port, key="a key")
        self._answer = answer
        self.received: list[list[bytes]] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        if self._socket.poll(round(DEADLINE * 1000)):
            identity, *frames = self._socket.recv_multipart()
            self.received.append(frames)
            for answer in self._answer(Signer(b"a key")):
                self._socket.send_multipart([identity, *answer])

    def close(self) -> None:
        """End it."""
        self._thread.join()
        self._socket.close()
        self._context.term()


def acknowledge(signer: Signer) -> list[list[bytes]]:
    content = b'{"status": "ok"}'
    return [[DELIMITER, signer.sign([content]), content]]


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    sockets = bind_sockets(ConnectionInfo(key="a key"))
    yield sockets
    sockets.close()


@pytest.fixture
def launch() -> Iterator[Callable[[Answer], Launcher]]:
    made: list[Launcher] = []

    def launch(answer: Answer) -> Launcher:
        made.append(Launcher(answer))
        return made[-1]

    yield launch
    for launcher in made:
        launcher.close()


def test_what_is_sent_is_what_the_spec_says(sockets: Sockets, launch: Callable[[Answer], Launcher]) -> None:
    launcher = launch(acknowledge)
    register(launcher.registration, sockets)
    [[delimiter, digest, content]] = launcher.received
    assert delimiter == DELIMITER
    assert digest == Signer(b"a key").sign([content])
    ports = {f"{channel}_port": str(sockets.connection.port(channel)) for channel in Channel}
    assert json.loads(content) == {"kernel_id": "an id", **ports}


def test_what_is_not_signed_is_no_acknowledgement(sockets: Sockets, launch: Callable[[Answer], Launcher]) -> None:
    def answer(signer: Signer) -> list[list[bytes]]:
        other = Signer(b"another key").sign([b"{}"])
        return [[b"{}"], [DELIMITER], [DELIMITER, other, b"{}"], [DELIMITER, b"", b"{}"], *acknowledge(signer)]

    register(launch(answer).registration, sockets)


@pytest.mark.parametrize("answers", ["none", "wrong"])
def test_without_an_acknowledgement_it_gives_up(
    launch: Callable[[Answer], Launcher], monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    monkeypatch.setattr(module, "REGISTRATION_SECONDS", 0.2)
    launcher = launch(lambda _: [] if answers == "none" else [[DELIMITER, b"wrong", b"{}"]])
    sockets = bind_sockets(ConnectionInfo())
    with pytest.raises(ConnectionFileError) as caught:
        register(launcher.registration, sockets)
    assert launcher.registration.address in str(caught.value)
    assert "no acknowledgement" in str(caught.value)
    assert caught.value.next_step
    assert all(socket.closed for socket in sockets.by_channel.values())


def test_where_nobody_can_listen_is_named() -> None:
    sockets = bind_sockets(ConnectionInfo())
    with pytest.raises(ConnectionFileError, match="no such host:1"):
        register(Registration("an id", "no such host", 1), sockets)
    assert all(socket.closed for socket in sockets.by_channel.values())
