"""A start by a gateway: which ports the kernel may take, where it listens, and how the gateway is told."""

from __future__ import annotations

import logging
import os
import random
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import zmq

from async_kernel.errors import GatewayError, UsageError
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.settings import Settings

__all__ = ["Launch"]

log = logging.getLogger("async_kernel")

ANSWER_SECONDS = 10.0
"""How long the gateway may take to accept the connection on which it is told; a kernel that nobody knows of must not
live on."""

ANY = "0.0.0.0"  # noqa: S104  # where the gateway is on this machine, under an address of it that we are not told
PORTS = range(1024, 1 << 16)
ENCRYPTION = ("disabled", "auto", "required")


class Launch(NamedTuple):
    """How a gateway has started this kernel, as the argv of the spec says it."""

    address: tuple[str, int]
    """Where the gateway takes in the ports of its kernels."""
    public_key: str
    kernel_id: str
    ports: Sequence[int] = ()
    """The ports that the kernel may take; none for those that the system chooses."""
    encryption: str = "disabled"
    """The policy for the messages of clients: "disabled", "auto" or "required" (gateway_provisioners 0.5)."""
    ip: str = ""
    """The address to listen on, empty for the one by which the gateway is reached."""

    @classmethod
    def of(cls, settings: Settings) -> Launch | None:
        """The launch that the settings name, None for a kernel that no gateway has started. UsageError where they do
        not go together."""
        given = settings.attributes
        address = given.get("gateway.response_address")
        if not address:
            return None
        missing = [name for name in ("public_key", "kernel_id") if not given.get(f"gateway.{name}")]
        if missing:
            raise UsageError(
                f"A kernel of a gateway needs {' and '.join(missing)}, which is not given.",
                "Write the spec again with `async-kernel -a NAME --gateway=...`.",
            )
        if given.get("gateway.spark_context_initialization_mode") not in (None, "none"):
            log.warning(
                "spark and sc are not created; create a session in a cell, by SparkSession.builder.getOrCreate()"
            )
        encryption = given.get("gateway.transport_encryption") or "disabled"
        if "{" in encryption:  # a gateway that knows nothing of it has left the placeholder
            encryption = "disabled"
        if encryption not in ENCRYPTION:
            raise UsageError(
                f"--transport-encryption takes one of {', '.join(ENCRYPTION)}, not {encryption!r}.",
                "Leave it out to switch encryption off.",
            )
        return cls(
            _address(address),
            given["gateway.public_key"],
            given["gateway.kernel_id"],
            _ports(given.get("gateway.port_range") or "0..0"),
            encryption,
            given.get("gateway.ip") or "",
        )

    def adapt(self, info: ConnectionInfo) -> ConnectionInfo:
        """The connection information of a new kernel, for this launch: where it listens, and whether it encrypts."""
        public, secret = self._curve_keys()
        return info._replace(ip=self.ip or self._own_address(), curve_publickey=public, curve_secretkey=secret)

    def tell(self, info: ConnectionInfo) -> None:
        """Serve the port for the signals of the gateway, as long as this process lives, and tell the gateway where that
        and the sockets are bound. GatewayError when it cannot be reached, or no port can be had."""
        from .envelope import seal

        with _listen(info.ip, self.ports) as listener:
            told = seal(self.public_key, self._content(info, listener.getsockname()[1]))
            _serve(listener)
        try:
            with socket.create_connection(self.address, ANSWER_SECONDS) as connection:
                connection.sendall(told)
        except OSError as error:
            raise self._unreached(error) from None

    def _content(self, info: ConnectionInfo, comm_port: int) -> Mapping[str, Any]:
        """The content for the gateway: that of a connection file and more. For `ip` it takes the host that it knows."""
        fields = {name: value for name, value in info._asdict().items() if value != ""}
        content = {**fields, "kernel_id": self.kernel_id, "comm_port": comm_port, "pid": str(os.getpid())}
        if sys.platform != "win32":
            content["pgid"] = str(os.getpgid(0))
        return content

    def _own_address(self) -> str:
        """Where the kernel listens: at the address of this machine by which the gateway is reached, and at no other.

        A gateway on the same machine may know us as 127.0.0.1, or by any address of ours.
        """
        try:
            gateway = socket.getaddrinfo(*self.address, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(gateway)  # nothing is sent
                own = str(probe.getsockname()[0])
        except OSError as error:
            raise self._unreached(error) from None
        return ANY if own == gateway[0] and not own.startswith("127.") else own

    def _curve_keys(self) -> tuple[str, str]:
        if self.encryption == "disabled":
            return "", ""
        if zmq.has("curve"):
            public, secret = zmq.curve_keypair()
            return public.decode(), secret.decode()
        if self.encryption == "required":
            raise GatewayError(
                "The gateway asks for encryption, but the libzmq of this kernel has no CurveZMQ.",
                "Install a pyzmq with CurveZMQ, such as the wheels of the package index.",
            )
        return "", ""

    def _unreached(self, error: OSError) -> GatewayError:
        return GatewayError(
            f"The kernel {self.kernel_id} cannot report its ports to the gateway "
            f"at {':'.join(map(str, self.address))}: {error}.",
            "Make sure that this machine can reach it; EG_RESPONSE_IP or GP_RESPONSE_IP of the gateway sets it.",
        )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UsageError(f"--response-address takes IP:PORT, not {text!r}.", "The gateway fills in {response_address}.")
    return host, int(port)


def _ports(text: str) -> Sequence[int]:
    """The ports of a range: `_ports("2000..3000") == range(2000, 3001)`. None for a range of one port, as "0..0": so
    the gateways say that there is no range."""
    low, dots, high = text.partition("..")
    if "{" in text:
        return ()
    if not dots or not low.isdecimal() or not high.isdecimal():
        raise UsageError(f"--port-range takes LOW..HIGH, not {text!r}.", "For example --port-range=40000..41000.")
    if low == high:
        return ()
    ports = range(int(low), int(high) + 1)
    if not ports or ports[0] not in PORTS or ports[-1] not in PORTS:
        raise UsageError(f"The range {text} has ports outside {PORTS[0]} to {PORTS[-1]}.", "Give another range.")
    return ports


def _listen(ip: str, ports: Sequence[int]) -> socket.socket:
    """A socket that listens at a port of those given, else at one that the system chooses."""
    candidates: Iterable[int] = random.sample(ports, len(ports)) if ports else (0,)
    listener = socket.socket()
    for port in candidates:
        try:
            listener.bind((ip, port))
            listener.listen(16)
            return listener
        except OSError as error:
            problem = error
    listener.close()
    raise GatewayError(
        f"The port for signals of the gateway cannot be bound on {ip}: {problem}.", "Give a wider --port-range."
    )


def _serve(listener: socket.socket) -> None:
    """Leave the port to a process of its own: it can end this one while C code holds the GIL.

    It makes itself nobody's child, so that no `os.wait()` of a cell meets it, and ends with this process.
    """
    from subprocess import DEVNULL, SubprocessError, run

    from . import comm_port

    command = [sys.executable, "-I", "-S", comm_port.__file__, str(listener.fileno()), str(os.getpid())]
    try:
        run(
            command,
            pass_fds=[listener.fileno()],
            check=True,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except (OSError, SubprocessError) as error:
        raise GatewayError(
            f"The process that serves the port for the gateway's signals cannot be started: {error}.",
            "Raise the limit of processes (ulimit -u) where the kernel starts.",
        ) from None
