"""The messages of the Jupyter protocol as values (messaging spec, "General message format").

A `Message` has come in, and is verified and parsed. Outgoing messages need no value of their own: `codec.encode`
takes their parts. Content is plain data; an unknown message type is data too, not an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ["Buffer", "Content", "Header", "Message"]

Content: TypeAlias = dict[str, Any]
"""A JSON object: the content or metadata of a message, for example `{"execution_state": "busy"}`."""

Buffer: TypeAlias = bytes | bytearray | memoryview
"""One binary buffer behind a message."""


class Header(NamedTuple):
    """The header of a message (messaging spec, "Message header")."""

    msg_id: str
    msg_type: str
    session: str = ""
    username: str = ""
    date: str = ""
    version: str = ""
    subshell_id: str | None = None  # JEP 91


class Message(NamedTuple):
    """One message from a client.

    `header_frame` is the header exactly as it came: answers to the message carry it, byte for byte, as their
    parent header, so that fields we know nothing of survive. `problem` says why an authentic message cannot be served.
    """

    header: Header
    header_frame: bytes
    content: Content
    metadata: Content
    parent_header: Content
    identities: tuple[bytes, ...] = ()
    buffers: Sequence[Buffer] = ()
    problem: str = ""

    @property
    def is_of_batch(self) -> bool:
        """Whether nobody is there to be asked for input: so nbclient says it, and all that is made of it, and no front
        end before which somebody sits."""
        return self.content.get("allow_stdin") is False
