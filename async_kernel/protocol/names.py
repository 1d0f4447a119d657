"""The names of the protocol: its version, channels and message types (messaging spec)."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache

__all__ = ["DELIMITER", "PROTOCOL_VERSION", "Channel", "reply_type", "topic_of"]

PROTOCOL_VERSION = "5.5"

DELIMITER = b"<IDS|MSG>"
"""The delimiter between the routing identities and the signed frames (messaging spec, "The wire protocol")."""


class Channel(StrEnum):
    """The channels of a kernel, by the names that the connection file gives their ports (`shell_port`, …)."""

    SHELL = "shell"
    IOPUB = "iopub"
    STDIN = "stdin"
    CONTROL = "control"
    HB = "hb"


def reply_type(msg_type: str) -> str:
    """The type of the reply to a request: "execute_reply" for "execute_request".

    A request whose type does not end in "_request" gets its type with "_reply" appended.
    """
    return msg_type.removesuffix("_request") + "_reply"


@lru_cache(64)
def topic_of(kernel_id: str, msg_type: str) -> bytes:
    """The ZMQ topic of an iopub message: b"kernel.<id>.status".

    Clients subscribe to everything; the topic serves those who look at the wire (messaging spec, "topic").
    """
    return f"kernel.{kernel_id}.{msg_type}".encode()
