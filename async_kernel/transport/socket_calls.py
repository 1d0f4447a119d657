"""The calls on a socket for every message, by pyzmq's compiled code.

`zmq.Socket` has a layer of Python around them, which takes longer than the calls: options as members of an enum, flags
that are or-ed as such, warnings about deprecated options. Nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from errno import ENOMEM
from typing import Any

import zmq
from zmq.backend import Frame, Socket

from async_kernel.protocol.messages import Buffer
from async_kernel.system.heap import keep_heap
from async_kernel.system.reserve import ask_for

__all__ = ["LARGE_BYTES", "has_arrivals", "keep", "receive", "send"]

LARGE_BYTES = 1 << 16
"""From this size on a buffer stays in the memory of ZMQ's that it has come in, or was copied into once: each further
copy of many megabytes takes longer than the rest of its way. Smaller ones are objects of Python's."""

PARTS = 7
"""The frames of a message before its buffers: identity, delimiter, digest, four of JSON."""

# Without annotations of their own, and numbers: see above.
_send: Any = Socket.send
_receive: Any = Socket.recv
_get: Any = Socket.get
_frame: Any = Frame
_bytes, _more = _frame.bytes.__get__, _frame.more.__get__
_EVENTS, _POLLIN = int(zmq.EVENTS), int(zmq.POLLIN)
_NOBLOCK = int(zmq.NOBLOCK)
_MORE = int(zmq.SNDMORE) | _NOBLOCK


def has_arrivals(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message can be received. This takes in the socket's news, so that its descriptor is quiet."""
    return bool(_get(socket, _EVENTS) & _POLLIN)


def receive(socket: zmq.Socket[bytes]) -> list[Buffer]:
    """The frames of the next message, large buffers where ZMQ has them. `zmq.Again` when there is none."""
    frames: list[Buffer] = []
    more = True
    while more:
        frame = _receive(socket, _NOBLOCK, False)  # it knows whether more follow: to ask the socket takes far longer
        if len(frames) >= PARTS and len(frame) >= LARGE_BYTES:
            keep_heap()
            frames.append(frame.buffer)
        else:
            frames.append(_bytes(frame))
        more = _more(frame)
    return frames


def keep(buffer: Buffer) -> Buffer:
    """`buffer` as it is now, without gaps. One that has come in is not copied, as nobody can write into it; another
    large one is for the last time."""
    if type(buffer) is bytes:
        return buffer
    view = memoryview(buffer)
    if not view.c_contiguous:
        return bytes(view)
    kept: Any = view.obj
    if not isinstance(kept, Frame) or not view.readonly or view.nbytes != len(kept):
        kept = bytes(view) if view.nbytes < LARGE_BYTES else Frame(view, copy=True)
    frame: Buffer = kept  # of ZMQ's, which is a buffer like any other
    return frame


def send(socket: zmq.Socket[bytes], frames: Sequence[Buffer]) -> None:
    """Send a message as a whole, or not at all: `zmq.Again`, when it is refused, is raised at the first frame.

    MemoryError when there is no memory for it. libzmq says that with an errno, and in the middle of a message, which
    the next one would then be taken for the rest of. So the memory for what is large is asked for before.
    """
    try:
        if len(frames) > PARTS or len(frames[-1]) >= LARGE_BYTES:  # its content is the last, or has buffers behind it
            _ask_for_copies(frames)
        for frame in frames[:-1]:
            _send(socket, frame, _MORE)
        _send(socket, frames[-1], _NOBLOCK)
    except zmq.ZMQError as error:
        if error.errno == ENOMEM:
            raise MemoryError from error
        raise


def _ask_for_copies(frames: Sequence[Buffer]) -> None:
    """MemoryError when there is no memory for the copies of large frames. (To make them here, each a `Frame`, would be
    surer; but its constructor loses exceptions of signal handlers.)"""
    sizes = [memoryview(frame).nbytes for frame in frames if not isinstance(frame, Frame)]
    size = sum(each for each in sizes if each >= LARGE_BYTES)
    if size:
        ask_for(size)
