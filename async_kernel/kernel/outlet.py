"""The means of requests: what they say becomes messages, and goes to the transport. One outlet serves one channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from async_kernel.protocol.codec import Codec
from async_kernel.protocol.messages import Buffer, Content, Message
from async_kernel.protocol.names import Channel, reply_type, topic_of

from .ports import Transport
from .prompts import Prompts
from .statuses import Statuses

__all__ = ["ChannelOutlet"]

_DISPENSABLE = frozenset({"display_data", "update_display_data"})
"""Beside text, what cells can give more of than a client that does not read can be kept waiting with."""


class ChannelOutlet:
    """Answers the requests that come on `channel` (see `request.Outlet`). All outlets of a kernel share
    its `statuses`.

    What belongs together leaves together, since a message by itself costs as much again: that a cell is busy with its
    execute_input, its reply with the news that it is idle.
    """

    def __init__(
        self, channel: Channel, codec: Codec, transport: Transport, prompts: Prompts, statuses: Statuses
    ) -> None:
        self._channel = channel
        self._codec = codec
        self._transport = transport
        self._prompts = prompts
        self._statuses = statuses

    def publish(
        self,
        parent: Message,
        msg_type: str,
        content: Content,
        metadata: Content,
        buffers: Sequence[Buffer],
        topic: bytes,
    ) -> None:
        """Publish on iopub."""

        is_first = msg_type == "status" and _has_input(parent) and content["execution_state"] == "busy"

        def send(parent: Message, content: Content) -> None:
            frames = self._codec.encode(
                msg_type,
                content,
                parent.header_frame,
                metadata,
                buffers,
                (topic or topic_of(self._codec.session, msg_type),),
            )
            if msg_type in _DISPENSABLE:
                self._transport.show(parent, frames, self._build_stream)
            elif is_first:
                self._transport.put(Channel.IOPUB, frames)
            else:
                self._transport.send(Channel.IOPUB, frames)

        if msg_type == "status":
            self._statuses.publish(parent, content, send)
        else:
            send(parent, content)

    def writer(
        self, parent: Message, name: str, begun: Callable[[list[str]], None] | None = None
    ) -> Callable[[str], object]:
        """What sends text of the stream `name`."""
        return self._transport.writer((parent, name), self._build_stream, begun)

    def _build_stream(self, key: tuple[Message, str], text: str) -> list[Buffer]:
        parent, name = key
        return self._codec.encode(
            "stream",
            {"name": name, "text": text},
            parent.header_frame,
            identities=(topic_of(self._codec.session, f"stream.{name}"),),
        )

    def reply(self, parent: Message, content: Content, metadata: Content, buffers: Sequence[Buffer]) -> None:
        """Reply on the channel that the request came on."""
        frames = self._codec.encode(
            reply_type(parent.header.msg_type), content, parent.header_frame, metadata, buffers, parent.identities
        )
        if self._statuses.runs(parent):  # what is detached was replied to before
            self._transport.put(self._channel, frames)
        else:
            self._transport.send(self._channel, frames)

    def ask(self, parent: Message, prompt: str, password: bool) -> str:
        """Ask the client that sent `parent` for a line."""

        def send(msg_id: str) -> None:
            frames = self._codec.encode(
                "input_request",
                {"prompt": prompt, "password": password},
                parent.header_frame,
                identities=parent.identities,
                msg_id=msg_id,
            )
            self._transport.send(Channel.STDIN, frames)

        return self._prompts.ask(self._codec.new_id(), parent.header.msg_id, send)


def _has_input(request: Message) -> bool:
    """Whether an execute_input follows its being busy: see `ports.Interpreter.execute`."""
    return request.header.msg_type == "execute_request" and not request.content.get("silent")
