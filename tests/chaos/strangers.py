"""Connections of somebody who knows an address of a kernel and no key."""

from __future__ import annotations

import socket as tcp

import zmq

from tests.needs.kernel import Kernel

from .kernels import SECONDS

__all__ = ["Context", "plain", "stranger"]


class Context:
    """Sockets of strangers, which are kept: one that is collected while it is open warns."""

    def __init__(self) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._opened: list[zmq.Socket[bytes]] = []
        self._plain: list[tcp.socket] = []

    def socket(self, kind: int) -> zmq.Socket[bytes]:
        self._opened.append(self._context.socket(kind))
        return self._opened[-1]

    def keep(self, connection: tcp.socket) -> tcp.socket:
        """Leave a plain connection open until the end."""
        self._plain.append(connection)
        return connection

    def close(self) -> None:
        self._context.destroy(linger=0)
        for each in self._plain:
            each.close()


def stranger(context: Context, kernel: Kernel, channel: str, kind: int) -> zmq.Socket[bytes]:
    """A socket that reads next to nothing, and drops nothing of what it sends."""
    socket = context.socket(kind)
    socket.reconnect_ivl = -1
    socket.sndhwm, socket.rcvhwm, socket.rcvbuf = 0, 1, 4096
    socket.connect(f"tcp://127.0.0.1:{kernel.connection[f'{channel}_port']}")
    return socket


def plain(kernel: Kernel, channel: str) -> tcp.socket:
    """A plain connection to a channel, behind the greeting of ZMTP 3.0 (RFC 23) with the mechanism NULL."""
    connection = tcp.create_connection(("127.0.0.1", kernel.connection[f"{channel}_port"]), SECONDS)
    kind = b"SUB" if channel == "iopub" else b"DEALER"
    ready = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    connection.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    connection.sendall(bytes([4, len(ready)]) + ready)
    return connection
