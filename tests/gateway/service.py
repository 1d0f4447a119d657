"""The gateway's side of the contract, as its documentation has it: an address that takes in what kernels tell."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from Cryptodome.Cipher import AES, PKCS1_v1_5
from Cryptodome.PublicKey import RSA
from Cryptodome.Util.Padding import unpad
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import KernelConnectionInfo

DEADLINE = 30.0

PORTS = "20000..30000"
"""A range below the ports that systems choose: there another process might listen at once when a kernel has ended."""


class Gateway:
    """A gateway that starts kernels by a command, as a context manager."""

    def __init__(self, ip: str = "127.0.0.1") -> None:
        self._private = RSA.generate(1024)  # noqa: S505  # the gateways' own size
        self._listener = socket.create_server((ip, 0))
        self._listener.settimeout(DEADLINE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listener.close()

    @property
    def response_address(self) -> str:
        """As the gateway fills it in."""
        ip, port = self._listener.getsockname()
        return f"{ip}:{port}"

    @property
    def public_key(self) -> str:
        """As the gateway fills it in: the lines of the PEM between the first and the last."""
        return "".join(self._private.publickey().export_key("PEM").decode().splitlines()[1:-1])

    def fill_in(self, argv: Sequence[str], kernel_id: str, port_range: str = PORTS) -> list[str]:
        """The argv of a spec with all that a gateway fills in."""
        fields = {
            "{response_address}": self.response_address,
            "{public_key}": self.public_key,
            "{kernel_id}": kernel_id,
            "{port_range}": port_range,
        }
        words = list(argv)
        for placeholder, value in fields.items():
            words = [word.replace(placeholder, value) for word in words]
        return words

    def receive(self) -> dict[str, Any]:
        """What the next kernel tells."""
        connection, _ = self._listener.accept()
        with connection:
            connection.settimeout(DEADLINE)
            sealed = b""
            while part := connection.recv(4096):
                sealed += part
        return self.open(sealed)

    def open(self, sealed: bytes) -> dict[str, Any]:
        """Decrypt what a kernel has told."""
        envelope = json.loads(b64decode(sealed))
        assert envelope["version"] == 1
        key = PKCS1_v1_5.new(self._private).decrypt(b64decode(envelope["key"]), b"")
        assert len(key) == 16
        content = unpad(AES.new(key, AES.MODE_ECB).decrypt(b64decode(envelope["conn_info"])), 16)
        told: dict[str, Any] = json.loads(content)
        return told


def ask(told: dict[str, Any], request: object, ip: str = "127.0.0.1") -> None:
    """Send a request to the port of a kernel, as the gateways do. OSError when nobody listens."""
    text = request if isinstance(request, bytes) else json.dumps(request).encode()
    with socket.create_connection((ip, told["comm_port"]), 5) as connection:
        connection.sendall(text)


def listens(told: dict[str, Any]) -> bool:
    """Whether the kernel's port is served: so a gateway sees that the kernel lives."""
    try:
        ask(told, {"signum": 0})
    except OSError:
        return False
    return True


def start(command: Sequence[str], folder: Path, **variables: str) -> subprocess.Popen[bytes]:
    """Start a kernel as a shell does that ssh has started; its log is in `folder`."""
    environ = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env={**environ, **variables}
        )


def connect(told: dict[str, Any]) -> BlockingKernelClient:
    """A client of a kernel whose gateway was told of it."""
    client = BlockingKernelClient()
    key = told["key"].encode() if isinstance(told["key"], str) else told["key"]
    client.load_connection_info(cast("KernelConnectionInfo", {**told, "key": key, "ip": "127.0.0.1"}))
    client.start_channels()
    client.wait_for_ready(timeout=DEADLINE)
    return client


def printed(client: BlockingKernelClient, code: str) -> str:
    """The text that a cell prints."""
    lines: list[str] = []

    def keep(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            lines.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=DEADLINE, output_hook=keep)
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(lines)


def interrupted(client: BlockingKernelClient, interrupt: Any) -> str:
    """The name of the error with which a cell ends that waits, once `interrupt()` is called while it runs."""
    asked = client.execute("print('runs', flush=True)\nimport time\ntime.sleep(60)")
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        message = client.get_iopub_msg(timeout=DEADLINE)
        if message["msg_type"] == "stream" and message["parent_header"].get("msg_id") == asked:
            break
    interrupt()
    while True:
        reply = client.get_shell_msg(timeout=DEADLINE)
        if reply["parent_header"].get("msg_id") == asked:
            return str(reply["content"].get("ename", ""))


PYTHON = sys.executable
