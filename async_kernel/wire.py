"""The wire of a kernel: its connection file, its sockets, its codec, and the thread that moves messages.

It is there before anything slow is imported; from its start on kernel_info is answered.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from async_kernel.errors import ProtocolError
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.messages import Buffer, Message
from async_kernel.protocol.names import Channel, topic_of
from async_kernel.protocol.refusals import Refusals
from async_kernel.protocol.signing import Signer
from async_kernel.settings import Settings, attribute
from async_kernel.system.files import OwnFile
from async_kernel.transport.connection_file import fill_in_ports, open_connection, write_connection
from async_kernel.transport.io_thread import IOThread
from async_kernel.transport.registration import register
from async_kernel.transport.replay import Replay
from async_kernel.transport.socket_calls import keep
from async_kernel.transport.sockets import bind_sockets

if TYPE_CHECKING:
    from async_kernel.gateway.launch import Launch

__all__ = ["Wire"]

log = logging.getLogger("async_kernel")

Accept = Callable[[Channel, Message], None]
"""Takes in a message that arrived on a channel. Called in the thread that moves messages; returns at once."""


class Wire:
    """The wire of one kernel, as a context manager: on leaving it, the outbox is sent, and all is closed and removed.

    It is made with the sockets bound and the connection file written, so that clients can connect; messages are moved
    once it is started. ConnectionFileError when the file cannot be read or written, or the sockets cannot be bound;
    GatewayError when the gateway that started the kernel cannot be told of it.
    """

    def __init__(self, settings: Settings) -> None:
        file = open_connection(settings)
        launch = _launch(settings)
        if launch is not None:
            file = file._replace(info=launch.adapt(file.info))
        self.codec = make_codec(file.info)
        self._refusals = Refusals(log.warning, time.monotonic)
        sockets = bind_sockets(file.info, () if launch is None else launch.ports)
        self.files: list[OwnFile] = [*sockets.files]
        """The files that go with the kernel."""
        self.is_ours = file.is_new and file.registration is None and launch is None
        """Whether the connection file is the kernel's own: a person has typed its start, and no launcher knows it."""
        self.path = file.path
        """The path of the connection file."""
        info, given = sockets.connection, file.info
        self._info = info
        file = file._replace(info=info)
        if file.registration is not None:
            register(file.registration, sockets)
        try:
            if file.is_new:
                self.files.append(write_connection(file))
            elif info != given:  # the launcher has left ports to the kernel
                fill_in_ports(file)
            if launch is not None:
                launch.tell(info)
        except BaseException:
            sockets.close()
            self.remove_files()
            raise
        for exposure in info.exposures():
            log.warning("%s", exposure)
        backlog = attribute(settings, "kernel.backlog") << 20
        kept = settings.attributes.get("kernel.replay")
        replay = Replay(kept << 20, self._note) if kept else None
        self.transport = IOThread(sockets, self._deliver, self._welcome, self._note, backlog, replay=replay)
        self.subscribed = threading.Event()
        """Set once a client has subscribed."""
        self._accept: Accept | None = None

    @property
    def ports(self) -> dict[str, int]:
        """The port of each channel, for example `{"shell_port": 54321}`."""
        return {f"{channel}_port": self._info.port(channel) for channel in Channel}

    def start(self, accept: Accept) -> None:
        """Begin to move messages: give those that arrive to `accept`."""
        self._accept = accept
        self.transport.start()

    def remove_files(self) -> None:
        """Remove the files that go with the kernel. Any thread; a second call does nothing."""
        for file in self.files:
            file.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.transport.stop()
        self._refusals.tell()
        self.remove_files()

    # Messages: called in the I/O thread

    def _deliver(self, channel: Channel, frames: list[Buffer]) -> None:
        assert self._accept is not None
        try:
            message = self.codec.decode(frames)
        except ProtocolError as error:
            self._refusals.add(channel, error)
        else:
            self._accept(channel, message)

    def _welcome(self, topic: bytes) -> list[Any]:
        """The first message of a new subscriber (JEP 65).

        Each client gets it, those that know nothing of JEP 65 too. The JEP leaves the parent header empty, which
        jupyter_kernel_gateway for one does not survive: it looks for a `msg_id` in all that is published. So the parent
        is a whole header, as strict clients ask of one that is not empty. It stands for the subscription.
        """
        self.subscribed.set()
        content = {"subscription": topic.decode("utf-8", "replace")}
        return self.codec.encode("iopub_welcome", content, self.codec.header("subscribe"), identities=(topic,))

    def _note(self, text: str) -> list[Any]:
        """A message of the transport itself."""
        topic = topic_of(self.codec.session, "stream.stderr")
        return self.codec.encode("stream", {"name": "stderr", "text": text}, identities=(topic,))


def _launch(settings: Settings) -> Launch | None:
    """The launch by a gateway, if the settings name one; else nothing of it is imported."""
    if not settings.attributes.get("gateway.response_address"):
        return None
    from async_kernel.gateway.launch import Launch

    return Launch.of(settings)


def make_codec(info: ConnectionInfo) -> Codec:
    """The codec of a kernel with this connection information, for a session of its own."""
    return Codec(Signer(info.key.encode(), info.signature_scheme), os.urandom(16).hex(), _username(), _now, keep)


def _now() -> str:
    """The time of day. Only a second's first message has the calendar asked: it takes as long as the signature."""
    global _second
    second, microsecond = divmod(time.time_ns() // 1000, 1_000_000)
    known, text = _second
    if second != known:
        text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second = second, text
    return f"{text}.{microsecond:06d}+00:00"


_second = 0, ""


def _username() -> str:
    return os.environ.get("LOGNAME") or os.environ.get("USER") or os.environ.get("USERNAME") or "username"
