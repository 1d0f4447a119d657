"""The ZMQ sockets of a kernel, bound where the connection information says (messaging spec, "Introduction")."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

import zmq

from async_kernel.errors import ConnectionFileError, NoThreadError
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.names import Channel
from async_kernel.system.files import OwnFile
from async_kernel.system.service_thread import ServiceThread

__all__ = ["HIGH_WATER", "Sockets", "bind_sockets", "listen_at"]

HIGH_WATER = 250
"""Messages that ZMQ queues for one client or subscriber; the I/O thread keeps further ones itself, and counts them."""

REQUEST_BYTES = 256 << 20
"""The longest frame of a request: clients send the buffers of widgets. A longer frame ends its connection before any of
it is stored. The sender may be a stranger until the signature is checked, which takes the whole message."""

SUBSCRIPTION_BYTES = 512
"""The longest subscription. The socket stores each byte of a topic as a node of a tree, some 50 bytes in size."""

HEARTBEAT_BYTES = 128 << 10
HEARTBEATS = 10
"""The longest heartbeat, and how many wait for a client that sends them and reads none; further ones are lost."""

LINGER = 1000
"""Milliseconds that a closed socket goes on sending its queue."""


BIND_SECONDS = 2.0
"""How long a port is tried that is taken by a connection. The launcher found it free, but until a kernel binds it the
system may give it to a connection of another process, which may be short. A port on which another process listens is
not tried again: that process stays, and the client should know at once."""

BIND_PAUSE = 0.02


class Sockets(NamedTuple):
    """The bound sockets by channel, and where they are: of the ipc transport in `files`."""

    context: zmq.Context[zmq.Socket[bytes]]
    by_channel: dict[Channel, zmq.Socket[bytes]]
    heartbeat: threading.Thread
    connection: ConnectionInfo
    files: tuple[OwnFile, ...] = ()

    def close(self) -> None:
        """Close them all; returns when the heartbeat has ended and all messages are out, or after the linger time."""
        for file in self.files:
            file.remove()
        for socket in self.by_channel.values():
            socket.close(LINGER)
        self.context.term()
        self.heartbeat.join()


def bind_sockets(connection: ConnectionInfo, ports: Sequence[int] = ()) -> Sockets:
    """Bind the sockets of a kernel; ports of 0 become ports of `ports`, or where there are none, the ones that the
    system chose. With the keys of CurveZMQ all of them are servers of that, before they are bound.

    ConnectionFileError when an address cannot be bound, or there cannot be the encryption that is asked for.
    """
    _check_keys(connection)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    sockets: dict[Channel, zmq.Socket[bytes]] = {}
    files: list[OwnFile] = []
    kinds = {
        Channel.CONTROL: zmq.ROUTER,  # first: its requests may end work that holds up everything else
        Channel.SHELL: zmq.ROUTER,
        Channel.STDIN: zmq.ROUTER,
        Channel.IOPUB: zmq.XPUB,
        Channel.HB: zmq.ROUTER,
    }
    try:
        for channel, kind in kinds.items():
            socket = sockets[channel] = context.socket(kind)
            _set_limits(channel, socket)
            if connection.is_encrypted:
                _encrypt(connection, socket)
        # The given ports first, or the system gives one of them away for a 0.
        for channel in sorted(kinds, key=lambda each: connection.port(each) == 0):
            if connection.transport == "ipc" and not connection.port(channel):
                taken = {connection.port(other) for other in Channel}
                connection = connection.with_port(channel, min(set(range(1, 7)) - taken))
            files += _bind_channel(sockets[channel], connection, channel, ports)
            if connection.transport == "tcp":
                port = int(sockets[channel].get_string(zmq.LAST_ENDPOINT).rpartition(":")[2])
                connection = connection.with_port(channel, port)
    except (zmq.ZMQError, OSError) as error:
        _undo(context, sockets, files)
        raise ConnectionFileError(
            f"The {channel} channel cannot be bound to {connection.address(channel)}: {error}.",
            next_step="Another process may have taken the port meanwhile: start the kernel again.",
        ) from None
    heartbeat = ServiceThread("heartbeat", _echo, (sockets[Channel.HB],))
    try:
        heartbeat.start()
    except NoThreadError:
        _undo(context, sockets, files)
        raise
    del sockets[Channel.HB]  # it is the thread's now
    return Sockets(context, sockets, heartbeat, connection, tuple(files))


def _undo(
    context: zmq.Context[zmq.Socket[bytes]], sockets: Mapping[Channel, zmq.Socket[bytes]], files: Sequence[OwnFile]
) -> None:
    for socket in sockets.values():
        socket.close(0)
    context.term()
    for file in files:
        file.remove()


_listening: dict[str, int] = {}
"""The descriptors of sockets that listen already, by address, which ZMQ's sockets take over."""

BACKLOG = 100
"""How many connections wait until they are taken in: as with a socket of ZMQ's own."""


def listen_at(connection: ConnectionInfo) -> None:
    """Listen at the ports of a kernel whose sockets this process will bind: the system keeps connections until then. A
    client that is refused would wait for a tenth of a second until it tries again.

    OSError where that is not possible, as for a name instead of an IPv4 address: then they are bound as ever.
    """
    import socket

    socket.inet_aton(connection.ip)
    for channel in Channel:
        port = connection.port(channel)
        if connection.transport == "tcp" and port:
            with socket.socket(socket.AF_INET) as opened:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZMQ does
                opened.bind((connection.ip, port))
                opened.listen(BACKLOG)
                _listening[connection.address(channel)] = opened.detach()


def _bind_channel(
    socket: zmq.Socket[bytes], connection: ConnectionInfo, channel: Channel, ports: Sequence[int]
) -> list[OwnFile]:
    """Bind the socket of a channel; return the file that this has made, if any."""
    address = connection.address(channel)
    path = address.removeprefix("ipc://")
    if path != address and not path.startswith("@") and sys.platform != "win32":
        return [_bind_file(socket, path)]
    if ports and not connection.port(channel):
        _bind_to_one(socket, connection.ip, ports)
    else:
        _bind(socket, address)
    return []


def _set_limits(channel: Channel, socket: zmq.Socket[bytes]) -> None:
    """Say how much a socket takes in and keeps, before it is bound."""
    socket.linger = LINGER
    if channel is Channel.IOPUB:
        socket.set(zmq.XPUB_MANUAL_LAST_VALUE, 1)  # every subscription is the publisher's to serve
        socket.set(zmq.XPUB_NODROP, 1)  # refuse a message that a slow subscriber cannot take, instead of losing it
        socket.set(zmq.SNDHWM, HIGH_WATER)
        socket.set(zmq.MAXMSGSIZE, SUBSCRIPTION_BYTES)
        return
    socket.set(zmq.ROUTER_HANDOVER, 1)  # a client that comes back with its identity takes its place
    if channel is Channel.HB:
        socket.set(zmq.SNDHWM, HEARTBEATS)
        socket.set(zmq.RCVHWM, HEARTBEATS)
        socket.set(zmq.MAXMSGSIZE, HEARTBEAT_BYTES)
    else:
        socket.set(zmq.ROUTER_MANDATORY, 1)  # refuse a message that a client cannot take, instead of losing it
        socket.set(zmq.SNDHWM, HIGH_WATER)
        socket.set(zmq.MAXMSGSIZE, REQUEST_BYTES)


def _check_keys(connection: ConnectionInfo) -> None:
    if not connection.is_encrypted:
        return
    if not zmq.has("curve"):
        raise ConnectionFileError(
            "The connection file asks for encryption, but the libzmq of this kernel has no CurveZMQ.",
            next_step="Install a pyzmq with CurveZMQ, such as the wheels of the package index, or switch encryption "
            "off where the kernel is started (KernelManager.transport_encryption).",
        )
    if zmq.curve_public(connection.curve_secretkey.encode()) != connection.curve_publickey.encode():
        raise ConnectionFileError(
            "The two keys of CurveZMQ in the connection file do not belong together.",
            next_step="Start the kernel again, so that Jupyter writes a new file.",
        )


def _encrypt(connection: ConnectionInfo, socket: zmq.Socket[bytes]) -> None:
    """Have a socket serve those alone who know the kernel's public key. Nobody asks for the clients' own keys: those of
    jupyter_client have the kernel's, or one that they have just made."""
    socket.set(zmq.CURVE_SERVER, 1)
    socket.set(zmq.CURVE_PUBLICKEY, connection.curve_publickey.encode())
    socket.set(zmq.CURVE_SECRETKEY, connection.curve_secretkey.encode())


def _bind(socket: zmq.Socket[bytes], address: str) -> None:
    if address in _listening:
        socket.set(zmq.USE_FD, _listening.pop(address))
    end = time.monotonic() + BIND_SECONDS
    while True:
        try:
            socket.bind(address)
        except zmq.ZMQError as error:
            if error.errno != zmq.EADDRINUSE or time.monotonic() > end or _is_listened_on(address):
                raise
            time.sleep(BIND_PAUSE)
        else:
            return


def _bind_to_one(socket: zmq.Socket[bytes], ip: str, ports: Sequence[int]) -> None:
    """Bind to one of many ports; which one is left to chance, as kernels that start together have the same."""
    for port in random.sample(ports, len(ports)):
        with suppress(zmq.ZMQError):
            socket.bind(f"tcp://{ip}:{port}")
            return
    raise zmq.ZMQError(zmq.EADDRINUSE)


def _bind_file(socket: zmq.Socket[bytes], path: str) -> OwnFile:
    """Bind to a file of the ipc transport, which the owner alone may connect to.

    libzmq makes a file for everybody that the umask allows. So the socket is bound in a folder for the owner alone, and
    comes to its place when it is closed to others. A folder that is not there is made so, too. A file that is there is
    replaced, unless a process serves it.
    """
    if _is_served(path):
        raise zmq.ZMQError(zmq.EADDRINUSE)
    place = os.path.dirname(path)
    if place:
        os.makedirs(place, mode=0o700, exist_ok=True)
    folder = os.path.join(place, f".{os.getpid():x}")  # short: the length of such paths is limited
    os.mkdir(folder, 0o700)
    new = os.path.join(folder, "s")
    try:
        socket.bind(f"ipc://{new}")
        os.chmod(new, 0o600)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise
    finally:
        os.rmdir(folder)
    return OwnFile(path)


def _is_served(path: str) -> bool:
    """Whether a process takes connections at a socket's file. One that nobody serves refuses them."""
    import socket  # for the rare transport

    if sys.platform != "win32":
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(path)
            return True
    return False


def _is_listened_on(address: str) -> bool:
    """Whether a process takes connections at a TCP address."""
    import socket  # for the rare port that is taken

    transport, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if transport != "tcp":
        return False
    try:
        with socket.create_connection((_ANY.get(host, host), int(port)), timeout=0.2) as connection:
            return bool(connection.getsockname() != connection.getpeername())  # TCP can connect a socket to itself
    except OSError:
        return False


_ANY = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1"}  # noqa: S104  # an address of the file, to be connected to


def _echo(socket: zmq.Socket[bytes]) -> None:
    """Send back whatever comes, inside libzmq: a cell that holds the GIL does not stop the heart."""
    try:
        zmq.proxy(socket, socket)
    except zmq.ContextTerminated:
        pass
    finally:
        socket.close(0)
