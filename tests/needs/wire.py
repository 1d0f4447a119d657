"""A client of the Jupyter protocol on plain sockets: it sends, it collects, it can stop reading.

One thread, one poller. Nothing is read but while a wait runs, so a client that "does not read" is one that pauses a
channel. It knows the wire (messaging spec of jupyter_client, "The wire protocol") and nothing of processes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import zmq

__all__ = ["CHANNELS", "Client", "Missed", "Received"]

CHANNELS = {"shell": zmq.DEALER, "control": zmq.DEALER, "stdin": zmq.DEALER, "iopub": zmq.SUB}
_DELIMITER = b"<IDS|MSG>"
_PER_PUMP = 2_000  # messages read from one socket before the others get their turn

Content = dict[str, Any]


class Missed(Exception):
    """What a probe looked for did not come: the text says what."""


class Received(NamedTuple):
    """One message from the kernel. `parent` is the id of the request it belongs to ("" for none), `at` is in
    `time.perf_counter` seconds."""

    channel: str
    msg_type: str
    parent: str
    content: Content
    header: Content
    at: float


class Client:
    """The client's end of a kernel's sockets.

    `connection` is the content of a connection file. `alive` is asked during waits: when it says no, the wait ends with
    `Missed`.
    """

    def __init__(self, connection: Content, alive: Callable[[], bool] = lambda: True) -> None:
        self._key = str(connection["key"]).encode()
        self._session = uuid.uuid4().hex
        self._alive = alive
        self._context = zmq.Context()
        self._poller = zmq.Poller()
        self._paused: set[str] = set()
        self.messages: list[Received] = []
        self.by_parent: defaultdict[str, list[Received]] = defaultdict(list)
        self.sockets: dict[str, zmq.Socket[bytes]] = {}
        identity = uuid.uuid4().hex.encode()
        for channel, kind in CHANNELS.items():
            socket: zmq.Socket[bytes] = self._context.socket(kind)
            socket.linger = 0
            socket.setsockopt(zmq.RECONNECT_IVL, 10)
            if kind == zmq.SUB:
                socket.setsockopt(zmq.SUBSCRIBE, b"")
            else:
                socket.setsockopt(zmq.IDENTITY, identity)  # stdin asks the peer that executes, by this name
            if connection.get("curve_publickey"):  # the kernel asks nobody for a key that it knows
                socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
                socket.curve_serverkey = connection["curve_publickey"].encode()
            socket.connect(self._endpoint(connection, channel))
            self._poller.register(socket, zmq.POLLIN)
            self.sockets[channel] = socket
        self._channels = {socket: channel for channel, socket in self.sockets.items()}

    @staticmethod
    def _endpoint(connection: Content, channel: str) -> str:
        glue = "-" if connection["transport"] == "ipc" else ":"
        return f"{connection['transport']}://{connection['ip']}{glue}{connection[channel + '_port']}"

    def forget(self) -> None:
        """Drop what was collected, so that a long run does not grow by what it has seen."""
        self.messages.clear()
        self.by_parent.clear()

    def close(self) -> None:
        """Let go of the sockets; what was collected stays."""
        self._context.destroy(linger=0)

    # sending

    def send(
        self,
        channel: str,
        msg_type: str,
        content: Any = None,
        *,
        metadata: Any = None,
        subshell: str | None = None,
        parent: Any = None,
        fields: Content | None = None,
        buffers: Sequence[bytes] = (),
    ) -> str:
        """Send one message and return its id. `subshell` goes into the header (JEP 91), and so do `fields`, which may
        be as wrong as all else here."""
        header: Content = {
            "msg_id": uuid.uuid4().hex,
            "session": self._session,
            "username": "needs",
            "date": datetime.now(UTC).isoformat(),
            "msg_type": msg_type,
            "version": "5.5",
        }
        if subshell is not None:
            header["subshell_id"] = subshell
        request = str(header["msg_id"])
        header |= fields or {}
        parts = [json.dumps({} if part is None else part).encode() for part in (header, parent, metadata, content)]
        digest = hmac.new(self._key, digestmod=hashlib.sha256)
        for part in parts:
            digest.update(part)
        self.sockets[channel].send_multipart([_DELIMITER, digest.hexdigest().encode(), *parts, *buffers])
        return request

    def execute(
        self,
        code: str,
        *,
        metadata: Content | None = None,
        subshell: str | None = None,
        allow_stdin: bool = True,
        stop_on_error: bool = True,
    ) -> str:
        """Send an execute_request and return its id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": allow_stdin,
            "stop_on_error": stop_on_error,
        }
        return self.send("shell", "execute_request", content, metadata=metadata, subshell=subshell)

    def answer(self, question: Received, value: str) -> None:
        """Answer an input_request."""
        self.send("stdin", "input_reply", {"value": value, "status": "ok"}, parent=question.header)

    # reading

    def pause(self, channel: str) -> None:
        """Stop reading a channel, as a stalled client does."""
        self._poller.unregister(self.sockets[channel])
        self._paused.add(channel)

    def resume(self, channel: str) -> None:
        """Read a paused channel again."""
        if channel in self._paused:
            self._paused.discard(channel)
            self._poller.register(self.sockets[channel], zmq.POLLIN)

    def pump(self, seconds: float) -> int:
        """Read what is there, waiting up to `seconds` for the first message; return how many were read."""
        count = 0
        for socket, _ in self._poller.poll(max(0, int(seconds * 1000))):
            for _ in range(_PER_PUMP):
                try:
                    frames = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                self._take(self._channels[socket], frames)
                count += 1
        return count

    def _take(self, channel: str, frames: list[bytes]) -> None:
        if _DELIMITER not in frames:
            return  # iopub_welcome's subscription frame and the like
        start = frames.index(_DELIMITER) + 2
        header, parent, content = (json.loads(frames[start + part]) for part in (0, 1, 3))
        message = Received(
            channel, header["msg_type"], (parent or {}).get("msg_id", ""), content, header, time.perf_counter()
        )
        self.messages.append(message)
        self.by_parent[message.parent].append(message)

    def wait(self, condition: Callable[[], Any], seconds: float, what: str) -> Any:
        """Read until `condition()` is true and return what it gave; raise `Missed` after `seconds`."""
        deadline = time.perf_counter() + seconds
        while True:
            found = condition()
            if found:
                return found
            left = deadline - time.perf_counter()
            if left <= 0:
                raise Missed(f"{what}: not within {seconds:g} s")
            if not self.pump(min(left, 0.1)) and not self._alive():
                self.pump(0)
                found = condition()
                if found:
                    return found
                raise Missed(f"{what}: the kernel died")

    def find(self, parent: str, msg_type: str, channel: str | None = None) -> Received | None:
        """The first message of this type that belongs to `parent`, if it has been read."""
        for message in self.by_parent[parent]:
            if message.msg_type == msg_type and channel in (None, message.channel):
                return message
        return None

    def reply(self, request: str, seconds: float = 10.0, what: str = "reply") -> Received:
        """Wait for the reply to a request, whatever its type."""

        def there() -> Received | None:
            return next((m for m in self.by_parent[request] if m.msg_type.endswith("_reply")), None)

        found: Received = self.wait(there, seconds, what)
        return found

    def idle(self, request: str, seconds: float = 10.0, what: str = "idle") -> Received:
        """Wait for the idle status of a request."""

        def there() -> Received | None:
            for message in reversed(self.by_parent[request]):
                if message.msg_type == "status" and message.content["execution_state"] == "idle":
                    return message
            return None

        found: Received = self.wait(there, seconds, what)
        return found

    def outputs(self, request: str, *types: str) -> list[Received]:
        """What was published for a request, of these types or of all, in order."""
        return [m for m in self.by_parent[request] if m.channel == "iopub" and (not types or m.msg_type in types)]

    def text(self, request: str, name: str = "stdout") -> str:
        """What a request has written to one stream so far."""
        return "".join(m.content["text"] for m in self.outputs(request, "stream") if m.content["name"] == name)

    def displayed(self, request: str) -> list[str]:
        """The plain texts that a request has displayed so far."""
        shown: Iterable[Received] = self.outputs(request, "display_data", "execute_result")
        return [str(m.content["data"].get("text/plain", "")) for m in shown]
