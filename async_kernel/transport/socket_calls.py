"""The calls on a socket for every message, by pyzmq's compiled code.

`zmq.Socket` has a layer of Python around them, which takes longer than the calls: options as members of an enum, flags
that are or-ed as such, warnings about deprecated options. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import zmq
from zmq.backend import Socket

from async_kernel.protocol.messages import Buffer

__all__ = ["has_arrivals", "receive", "send"]

# Without annotations of their own, and numbers: see above.
_send: Any = Socket.send
_receive: Any = Socket.recv
_get: Any = Socket.get
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
_NOBLOCK = int(zmq.NOBLOCK)
_MORE = int(zmq.SNDMORE) | _NOBLOCK


def has_arrivals(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message can be received. This takes in the socket's news, so that its descriptor is quiet."""
    return bool(_get(socket, _EVENTS) & _POLLIN)


def receive(socket: zmq.Socket[bytes]) -> list[bytes]:
    """The frames of the next message. `zmq.Again` when there is none."""
    frames: list[bytes] = []
    more = True
    while more:
        frame = _receive(socket, _NOBLOCK, False)  # it knows whether more follow: to ask the socket takes far longer
        frames.append(frame.bytes)
        more = frame.more
    return frames


def send(socket: zmq.Socket[bytes], frames: Sequence[Buffer]) -> None:
    """Send a message as a whole, or not at all: `zmq.Again`, when it is refused, is raised at the first frame."""
    for frame in frames[:-1]:
        _send(socket, frame, _MORE)
    _send(socket, frames[-1], _NOBLOCK)
