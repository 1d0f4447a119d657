"""A client of a debug adapter, or of a program that speaks like one: requests and their responses, events. Knows no
debugpy."""

from __future__ import annotations

import itertools
import logging
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from async_kernel.system.service_thread import ServiceThread

from .framing import Decoder, FramingError, Message, encode

__all__ = ["REPLY_SECONDS", "Client", "DebuggerError"]

REPLY_SECONDS = 10.0
"""How long a response is waited for: an expression that is evaluated in a frame takes its time, and while it does no
other request is served."""

log = logging.getLogger(__name__)


class DebuggerError(Exception):
    """The debugger cannot serve the request; the text says why."""


class Client:
    """The client's end of a connected socket. `on_event(message)` is called for each event, in the client's thread;
    `on_end()` when the other end is gone."""

    def __init__(
        self, connection: socket.socket, on_event: Callable[[Message], None], on_end: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._on_event = on_event
        self._on_end = on_end
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()  # one message at a time
        self._waiting: dict[int, queue.SimpleQueue[Message | None]] = {}
        connection.settimeout(None)
        with suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._thread = ServiceThread("debugger", self._read)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def request(self, command: str, arguments: Any = None, seconds: float = REPLY_SECONDS) -> Message:
        """Send a request and return its response, successful or not. DebuggerError when none comes."""
        answer: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        number = self._send(command, arguments, answer)
        try:
            response = answer.get(timeout=seconds)
        except queue.Empty:
            raise DebuggerError(f"The debugger has not answered {command!r} within {seconds:g} s.") from None
        finally:
            self._waiting.pop(number, None)
        if response is None:
            raise DebuggerError(f"The debugger has ended before it answered {command!r}.")
        return response

    def send(self, command: str, arguments: Any = None) -> None:
        """Send a request whose response is of no interest. Returns at once."""
        with suppress(DebuggerError):
            self._send(command, arguments, None)

    def close(self) -> None:
        """End the connection. A thread that waits for a response is told."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self, command: str, arguments: Any, answer: queue.SimpleQueue[Message | None] | None) -> int:
        number = next(self._numbers)
        if answer is not None:
            self._waiting[number] = answer
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments or {}}
        try:
            with self._lock:
                self._connection.sendall(encode(message))
        except OSError as error:
            self._waiting.pop(number, None)
            raise DebuggerError(f"The debugger has ended: {error}") from None
        return number

    def _read(self) -> None:
        decoder = Decoder()
        try:
            while data := self._connection.recv(1 << 16):
                for message in decoder.feed(data):
                    self._take(message)
        except (OSError, FramingError) as error:
            log.debug("the connection to the debugger has ended: %s", error)
        finally:
            self._connection.close()
            for answer in list(self._waiting.values()):
                answer.put(None)
            self._on_end()

    def _take(self, message: Message) -> None:
        if message.get("type") == "event":
            self._on_event(message)
        elif message.get("type") == "response":
            answer = self._waiting.get(message.get("request_seq", 0))
            if answer is not None:
                answer.put(message)
