"""The framing of the Debug Adapter Protocol: messages to bytes, and bytes to messages (its specification, "Base
protocol"). No sockets."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Decoder", "FramingError", "Message", "encode"]

Message = dict[str, Any]


class FramingError(Exception):
    """The bytes that came are no message."""


def encode(message: Message) -> bytes:
    """The bytes of a message, for example `b'Content-Length: 2\\r\\n\\r\\n{}'`."""
    body = json.dumps(message).encode()
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


class Decoder:
    """Puts messages together from bytes that come in pieces."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes; return the messages that they complete. FramingError when they are none."""
        self._buffer += data
        messages: list[Message] = []
        while True:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return messages
            length = _length(head)
            if len(rest) < length:
                return messages
            messages.append(_message(rest[:length]))
            self._buffer = rest[length:]


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    raise FramingError(f"A message without its length: {head!r:.200}")


def _message(body: bytes) -> Message:
    try:
        message = json.loads(body)
    except ValueError as error:
        raise FramingError(f"A message that is not JSON: {error}") from None
    if not isinstance(message, dict):
        raise FramingError("A message that is not a JSON object.")
    return message
