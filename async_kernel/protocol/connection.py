"""Connection information: the content of a connection file (messaging spec, "Connection files"), or a registration
file, which leaves the ports to the kernel (JEP 66). Text <-> value only; who reads and writes files is the launcher's
affair.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from async_kernel.errors import ConnectionFileError

from .names import Channel

__all__ = ["ConnectionInfo", "Registration", "parse_connection", "parse_registration"]


class ConnectionInfo(NamedTuple):
    """Where the sockets of a kernel are, and the key that its messages are signed with.

    A port of 0 means that the kernel chooses. `address(Channel.SHELL)` is "tcp://127.0.0.1:50160", with the ipc
    transport "ipc:///run/kernel-1". With the two keys of CurveZMQ (ZeroMQ RFC 26), in the 40 letters of Z85 each, all
    is encrypted (jupyter_client, `KernelManager.transport_encryption`).
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
    curve_publickey: str = ""
    curve_secretkey: str = ""

    @property
    def is_encrypted(self) -> bool:
        """Whether the sockets speak CurveZMQ, and nothing else."""
        return bool(self.curve_publickey)

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

    def to_text(self, former: str = "{}") -> str:
        """The text of the connection file; fields of the `former` text that we do not know are left as they are."""
        # Clients take an empty key of CurveZMQ for a key.
        known = {name: value for name, value in self._asdict().items() if value != "" or name not in _CURVE}
        return json.dumps({**json.loads(former), **known}, indent=2) + "\n"

    def exposures(self) -> list[str]:
        """In which ways strangers may run code here or read along: none where there is a key, and an address that only
        this machine reaches.

        TCP by itself is not encrypted, so on another address everything can be read on the network.
        """
        found = []
        if not self.key:
            found.append(
                "The connection file has an empty key: whoever reaches the kernel's ports can run code in it. "
                "Have what starts the kernel write a key."
            )
        if self.transport == "tcp" and not self.is_encrypted and not _is_of_this_machine(self.ip):
            found.append(
                f"The kernel listens on {self.ip} over plain TCP: code, output and input can be read on the network. "
                "Have what starts it encrypt (KernelManager.transport_encryption), or use 127.0.0.1 with an SSH tunnel."
            )
        return found


_CURVE = ("curve_publickey", "curve_secretkey")

_Z85 = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")
"""The letters of ZeroMQ RFC 32."""


def _is_of_this_machine(ip: str) -> bool:
    return ip.startswith("127.") or ip in ("localhost", "::1", "[::1]", "lo")


class Registration(NamedTuple):
    """Where a kernel says which ports it has chosen, and the key (jupyter_client, "Registration file format").

    `ip` is where the kernel binds them; the format does not say, so by default where its launcher listens.
    """

    kernel_id: str = ""
    registration_ip: str = "127.0.0.1"
    registration_port: int = 0
    transport: str = "tcp"
    key: str = ""
    signature_scheme: str = "hmac-sha256"
    ip: str = ""

    @property
    def address(self) -> str:
        """The ZMQ address to register at, for example "tcp://127.0.0.1:51587"."""
        return f"{self.transport}://{self.registration_ip}:{self.registration_port}"

    def to_info(self, kernel_name: str = "") -> ConnectionInfo:
        """The connection information of the kernel, whose ports are still to be chosen."""
        return ConnectionInfo(
            ip=self.ip or self.registration_ip,
            transport=self.transport,
            key=self.key,
            signature_scheme=self.signature_scheme,
            kernel_name=kernel_name,
        )

    def content(self, info: ConnectionInfo) -> dict[str, str]:
        """The registration of the kernel (messaging spec, "Kernel startup handshake"): `{"shell_port": "57503",
        ...}`."""
        ports = {f"{channel}_port": str(info.port(channel)) for channel in Channel}
        return {"kernel_id": self.kernel_id, **ports}


def parse_connection(text: str, path: str = "") -> ConnectionInfo:
    """The connection information in the text of a connection file.

    Fields that we do not know are left alone. Raises ConnectionFileError, which names `path`, when the text is no
    JSON object or a field has the wrong type.
    """
    fields = _parse(text, ConnectionInfo._field_defaults, path)
    if fields["transport"] not in ("tcp", "ipc"):
        raise _wrong(f"asks for the transport {fields['transport']!r}", path)
    given = [name for name in _CURVE if fields[name]]
    if len(given) == 1:  # a kernel that went on without would speak plain text to a client that wants none
        raise _wrong(f"has {given[0]}, one of the two keys of CurveZMQ, and lacks the other", path)
    for name in given:
        if len(fields[name]) != 40 or not _Z85.issuperset(fields[name]):
            raise _wrong(f"has no key of CurveZMQ, 40 letters of Z85, as its {name}", path)
    return ConnectionInfo(**fields)


def parse_registration(text: str, path: str = "") -> Registration:
    """The content of a registration file. Raises ConnectionFileError as `parse_connection` does."""
    registration = Registration(**_parse(text, Registration._field_defaults, path))
    if registration.transport != "tcp":  # only TCP ports can be taken by another process
        raise _wrong(f"asks for registration over the transport {registration.transport!r}", path)
    if not registration.registration_port:
        raise _wrong("names no port to register at", path)
    return registration


def _parse(text: str, defaults: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The fields of a JSON object, of the types of their defaults."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"is not JSON: {error}", path) from None
    if not isinstance(data, dict):
        raise _wrong("does not hold a JSON object", path)
    fields: dict[str, Any] = {}
    for name, default in defaults.items():
        value = data.get(name, default)
        if isinstance(value, bool) or not isinstance(value, type(default)):
            shown = f"a {type(value).__name__}" if "key" in name else repr(value)  # a secret is no matter for a log
            raise _wrong(f"has {shown} as its {name}", path)
        if isinstance(value, str) and not _is_encodable(value):
            raise _wrong(f"has half a character (a lone surrogate) in its {name}", path)
        if isinstance(value, int) and not 0 <= value < 1 << 16:
            raise _wrong(f"has {value!r} as its {name}", path)
        fields[name] = value
    return fields


def _wrong(what: str, path: str) -> ConnectionFileError:
    return ConnectionFileError(
        f"The connection file {path} {what}.",
        path,
        "Let Jupyter start the kernel, which writes the file, or start one with: async-kernel -f .",
    )


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
