"""Connection information: what a connection file says (messaging spec, "Connection files"). Text <-> value only;
who reads and writes the file is the launcher's affair."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from async_kernel.errors import ConnectionFileError

from .names import Channel

__all__ = ["ConnectionInfo", "parse_connection"]


class ConnectionInfo(NamedTuple):
    """Where the sockets of a kernel are, and the key that its messages are signed with.

    A port of 0 means that the kernel chooses. `address(Channel.SHELL)` is "tcp://127.0.0.1:50160", with the ipc
    transport "ipc:///run/kernel-1".
    """

    shell_port: int = 0
    iopub_port: int = 0
    stdin_port: int = 0
    control_port: int = 0
    hb_port: int = 0
    ip: str = "127.0.0.1"
    transport: str = "tcp"
    key: str = ""
    signature_scheme: str = "hmac-sha256"
    kernel_name: str = ""

    def address(self, channel: Channel) -> str:
        """The ZMQ address of a channel; with port 0 one that lets the system choose the port."""
        port = self.port(channel)
        if self.transport == "ipc":
            return f"ipc://{self.ip}-{port}"
        return f"{self.transport}://{self.ip}:{port or '*'}"

    def port(self, channel: Channel) -> int:
        """The port of a channel."""
        port: int = getattr(self, f"{channel}_port")
        return port

    def with_port(self, channel: Channel, port: int) -> ConnectionInfo:
        """The same with another port for one channel."""
        return ConnectionInfo(**{**self._asdict(), f"{channel}_port": port})

    def to_text(self) -> str:
        """The text of the connection file."""
        return json.dumps(self._asdict(), indent=2) + "\n"


def parse_connection(text: str, path: str = "") -> ConnectionInfo:
    """The connection information in the text of a connection file.

    Fields that we do not know are left alone. Raises ConnectionFileError, which names `path`, when the text is no
    JSON object or a field has the wrong type.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is not JSON: {error}", path) from None
    if not isinstance(data, dict):
        raise _wrong("does not hold a JSON object", path)
    fields: dict[str, Any] = {}
    for name, default in ConnectionInfo._field_defaults.items():
        value = data.get(name, default)
        if isinstance(value, bool) or not isinstance(value, type(default)):
            raise _wrong(f"has {value!r} as its {name}", path)
        if isinstance(value, int) and not 0 <= value < 1 << 16:
            raise _wrong(f"has {value!r} as its {name}", path)
        fields[name] = value
    if fields["transport"] not in ("tcp", "ipc"):
        raise _wrong(f"asks for the transport {fields['transport']!r}", path)
    return ConnectionInfo(**fields)


def _wrong(what: str, path: str) -> ConnectionFileError:
    return ConnectionFileError(
        f"The connection file {path} {what}.",
        path,
        "Let Jupyter start the kernel, which writes the file, or start one with: async-kernel -f .",
    )
