"""The words of a server and a standby to each other on a unix socket: values as JSON, and descriptors with them."""

from __future__ import annotations

import json
import socket
import struct
import sys
from collections.abc import Sequence
from typing import Any

__all__ = ["VERSION", "receive", "send"]

VERSION = 1
"""The version of these words: the server's package and the kernel's may differ."""

_LENGTH = struct.Struct("!I")


def send(connection: socket.socket, value: Any, descriptors: Sequence[int] = ()) -> None:
    """Send a value that JSON can say. OSError where the other side has gone, or does not read within the timeout."""
    if sys.platform == "win32":
        raise OSError("no processes are kept ready on Windows")
    data = json.dumps(value).encode()
    length = _LENGTH.pack(len(data))
    if descriptors:
        socket.send_fds(connection, [length], descriptors)
    else:
        connection.sendall(length)
    connection.sendall(data)


def receive(connection: socket.socket) -> tuple[Any, list[int]]:
    """The next value, and the descriptors that came with it.

    EOFError where the other side has gone, OSError after the timeout, ValueError where it is no value.
    """
    if sys.platform == "win32":
        raise OSError("no processes are kept ready on Windows")
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
    if not head:
        raise EOFError("the other side has gone")
    head += _exactly(connection, _LENGTH.size - len(head))
    return json.loads(_exactly(connection, _LENGTH.unpack(head)[0])), descriptors


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(size - len(parts))
        if not part:
            raise EOFError("the other side has gone in the middle of a message")
        parts += part
    return bytes(parts)
