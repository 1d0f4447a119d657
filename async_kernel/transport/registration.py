"""Registration: a kernel that has chosen its ports tells whoever started it (JEP 66; messaging spec, "Kernel startup
handshake", 5.6)."""

from __future__ import annotations

import time
from collections.abc import Sequence

import zmq

from async_kernel.errors import ConnectionFileError, SignatureError
from async_kernel.protocol.codec import to_json
from async_kernel.protocol.connection import ConnectionInfo, Registration
from async_kernel.protocol.names import DELIMITER
from async_kernel.protocol.signing import Signer

from .sockets import Sockets

__all__ = ["register"]

REGISTRATION_SECONDS = 10.0
"""How long a launcher may take to acknowledge; a kernel that nobody knows of must not live on."""


def register(registration: Registration, sockets: Sockets) -> None:
    """Send where `sockets` are bound, and return once that is acknowledged.

    When it is not, within a while, the sockets are closed and ConnectionFileError is raised.
    """
    with sockets.context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        problem = _ask(socket, registration, sockets.connection)
    if problem:
        sockets.close()
        raise ConnectionFileError(
            f"The kernel {registration.kernel_id} could not register at {registration.address}: {problem}.",
            next_step="Start it again from a launcher that accepts registrations, or with a connection file.",
        )


def _ask(socket: zmq.Socket[bytes], registration: Registration, connection: ConnectionInfo) -> str:
    """Register; return the problem as text, or an empty string."""
    signer = Signer(registration.key.encode(), registration.signature_scheme)
    content = to_json(registration.content(connection))
    try:
        socket.connect(registration.address)
        socket.send_multipart([DELIMITER, signer.sign([content]), content])
        end = time.monotonic() + REGISTRATION_SECONDS
        while socket.poll(max(0, round((end - time.monotonic()) * 1000))):
            if _acknowledges(socket.recv_multipart(), signer):
                return ""
    except zmq.ZMQError as error:
        return str(error)
    return f"no acknowledgement within {REGISTRATION_SECONDS:g} s"


def _acknowledges(frames: Sequence[bytes], signer: Signer) -> bool:
    """Whether a message is from a holder of the key. Its content is left to the launcher."""
    try:
        split = list(frames).index(DELIMITER)
        signer.verify(frames[split + 1], frames[split + 2 :])
    except (ValueError, IndexError, SignatureError):
        return False
    return True
