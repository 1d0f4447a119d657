"""The client, with a peer that answers as it is told to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from async_kernel.debugger.client import Client, DebuggerError
from async_kernel.debugger.framing import Decoder, encode

DEADLINE = 20.0


class Peer:
    """The other end: reads requests, and says what the test wants."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._decoder = Decoder()
        self._came: list[dict[str, Any]] = []

    def request(self) -> dict[str, Any]:
        """The next request."""
        self.connection.settimeout(DEADLINE)
        while not self._came:
            self._came += self._decoder.feed(self.connection.recv(4096))
        return self._came.pop(0)

    def say(self, **message: Any) -> None:
        """Send a message."""
        self.connection.sendall(encode(message))


class Ends:
    """A client and its peer, and what the client has told of."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.peer = Peer(theirs)
        self.events: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self.client = Client(ours, self.events.append, self.ended.set)
        self.client.start()

    def in_thread(self, command: str, seconds: float = DEADLINE) -> tuple[threading.Thread, list[object]]:
        """Ask in a thread; what comes of it is put into the list."""
        outcome: list[object] = []

        def ask() -> None:
            try:
                outcome.append(self.client.request(command, {"a": 1}, seconds))
            except DebuggerError as error:
                outcome.append(error)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        return thread, outcome


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.client.close()
    ends.peer.connection.close()
    assert ends.ended.wait(DEADLINE)


def test_each_gets_the_response_to_its_own_request(ends: Ends) -> None:
    first, second = ends.in_thread("first"), ends.in_thread("second")
    asked = {request["command"]: request for request in (ends.peer.request(), ends.peer.request())}
    assert asked["first"]["arguments"] == {"a": 1}
    for command in ("second", "first"):
        ends.peer.say(type="response", request_seq=asked[command]["seq"], command=command)
    for (thread, outcome), command in ((first, "first"), (second, "second")):
        thread.join(DEADLINE)
        [response] = outcome
        assert isinstance(response, dict)
        assert response["command"] == command


def test_events_are_told_and_what_nobody_waits_for_is_dropped(ends: Ends) -> None:
    ends.peer.say(type="response", request_seq=99)
    ends.peer.say(type="event", event="stopped")
    thread, outcome = ends.in_thread("any")
    ends.peer.say(type="response", request_seq=ends.peer.request()["seq"])
    thread.join(DEADLINE)
    assert [event["event"] for event in ends.events] == ["stopped"]
    assert isinstance(outcome[0], dict)


def test_a_response_that_does_not_come_is_not_waited_for_for_ever(ends: Ends) -> None:
    with pytest.raises(DebuggerError, match=r"'slow' within 0\.01 s"):
        ends.client.request("slow", None, 0.01)


def test_whoever_waits_is_told_when_the_other_end_is_gone(ends: Ends) -> None:
    thread, outcome = ends.in_thread("last")
    ends.peer.request()
    ends.peer.connection.close()
    thread.join(DEADLINE)
    assert "has ended" in str(outcome[0])
    assert ends.ended.wait(DEADLINE)
    with pytest.raises(DebuggerError, match="has ended"):
        ends.client.request("later")


def test_what_is_no_message_ends_the_connection(ends: Ends) -> None:
    ends.peer.connection.sendall(b"noise\r\n\r\n")
    assert ends.ended.wait(DEADLINE)
