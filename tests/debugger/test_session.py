"""Who may connect: debugpy in this process, and nobody else on the machine."""

from __future__ import annotations

import socket
import threading

import pytest

from async_kernel.debugger import session
from async_kernel.debugger.client import DebuggerError
from async_kernel.debugger.framing import Decoder, encode

DEADLINE = 20.0


class Stranger:
    """What connects in debugpy's place, and says whatever is asked of it."""

    def __init__(self, token: str | None) -> None:
        self._token = token
        self.gone = threading.Event()

    def connect(self, address: tuple[str, int]) -> None:
        """Connect, answer one request, and wait until it was hung up on."""
        with socket.create_connection(address, DEADLINE) as connection:
            decoder = Decoder()
            [request] = decoder.feed(connection.recv(4096))
            body = {"clientAccessToken": self._token}
            connection.sendall(
                encode({"type": "response", "request_seq": request["seq"], "success": True, "body": body})
            )
            if not connection.recv(1):
                self.gone.set()


@pytest.mark.parametrize("token", [None, "a guess"])
def test_a_stranger_is_hung_up_on(monkeypatch: pytest.MonkeyPatch, token: str | None) -> None:
    stranger = Stranger(token)

    def connect(self: session.Session, address: tuple[str, int]) -> None:
        stranger.connect(address)
        self._failure = RuntimeError("there was no other")

    monkeypatch.setattr(session.Session, "_connect", connect)
    with pytest.raises(DebuggerError, match="there was no other"):
        session.Session(lambda event: None, lambda: None)
    assert stranger.gone.wait(DEADLINE)


def test_a_debugpy_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise ImportError("it is broken")

    monkeypatch.setattr(session, "_import_debugpy", fail)
    with pytest.raises(DebuggerError, match="ImportError: it is broken"):
        session.Session(lambda event: None, lambda: None)
