"""A kernel as a black box: how one is started, and a process with a client at its sockets.

It knows processes and connection files, and nothing of what a kernel ought to do.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Literal, NamedTuple, Self

import psutil

from .wire import Client, Missed, Received

__all__ = ["Cell", "Kernel", "Means", "NotStarted", "Subject", "free_ports", "write_connection"]

Backend = Literal["asyncio", "trio"]
Means = Literal["message", "signal"]

START_SECONDS = 30.0


class Subject(NamedTuple):
    """A kernel to be probed: `argv` as in a spec, with `{connection_file}` in it, and what to add to the environment.

    `backend` is the async library that its cells see. `python` is the interpreter of its environment. `ours` is true
    for this project's kernel, which alone has the features of rows that no peer serves. `before` is code that every
    shell runs first, where a kernel needs a line to get into the state that is probed.
    """

    name: str
    python: str
    argv: Sequence[str]
    backend: Backend = "asyncio"
    env: Mapping[str, str] = MappingProxyType({})
    ours: bool = False
    before: str = ""

    def command(self, connection_file: Path, extra: Sequence[str] = ()) -> list[str]:
        """The argv with the connection file put in."""
        return [part.replace("{connection_file}", str(connection_file)) for part in (*self.argv, *extra)]

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of the process: `more`, and over it what the subject says. A launcher names itself in
        JPY_PARENT_PID, as jupyter_client does."""
        return {**os.environ, "JPY_PARENT_PID": str(os.getpid()), "PYTHONUNBUFFERED": "1", **more, **self.env}


class Cell(NamedTuple):
    """What came of one cell."""

    id: str
    reply: Received
    text: str
    errors: str
    displayed: list[str]

    @property
    def ok(self) -> bool:
        """Whether the cell ended without an error."""
        return bool(self.reply.content["status"] == "ok")

    @property
    def error(self) -> str:
        """The name and value of the exception, for example "ValueError: 3", or "" without one."""
        content = self.reply.content
        return "" if self.ok else f"{content.get('ename', content['status'])}: {content.get('evalue', '')}"[:160]


class NotStarted(Missed):
    """A kernel did not come to answer."""


_SOCKETS = ("shell", "iopub", "stdin", "control", "hb")


def free_ports(kernels: int = 1) -> list[list[int]]:
    """Five ports for each of so many kernels, all different, and free at this moment."""
    held = [socket.socket() for _ in range(kernels * len(_SOCKETS))]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
    return [ports[start : start + len(_SOCKETS)] for start in range(0, len(ports), len(_SOCKETS))]


def write_connection(
    folder: Path, transport: str = "tcp", ports: Sequence[int] | None = None
) -> tuple[Path, dict[str, Any]]:
    """Write a connection file into `folder`; return its path and its content. `ports` are by default free ones."""
    connection: dict[str, Any] = {
        "transport": transport,
        "ip": "127.0.0.1" if transport == "tcp" else str(folder / "s"),
        "key": uuid.uuid4().hex,
        "signature_scheme": "hmac-sha256",
    }
    numbers = ports or (free_ports()[0] if transport == "tcp" else range(1, 6))
    connection |= {f"{name}_port": number for name, number in zip(_SOCKETS, numbers, strict=True)}
    path = folder / "kernel.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(connection))
    return path, connection


class Kernel:
    """A running kernel. Leaving the block ends it and whatever it started, by force.

    `extra` is added to the argv. `prepare(folder)` is called before the process is started in that folder, where its
    `kernel.json` is. `info` is the content of its kernel_info_reply, once connected.
    """

    info: dict[str, Any]

    def __init__(
        self,
        subject: Subject,
        extra: Sequence[str] = (),
        transport: str = "tcp",
        ports: Sequence[int] | None = None,
        connect: bool = True,
        prepare: Callable[[Path], object] = lambda folder: None,
    ) -> None:
        self.subject = subject
        self.folder = Path(tempfile.mkdtemp(prefix="needs-"))
        self.connection_file, self.connection = write_connection(self.folder, transport, ports)
        prepare(self.folder)
        self._log = (self.folder / "log").open("wb")
        self._extra = extra
        self._start()
        self.client = Client(self.connection, self.alive)
        if connect:
            self.connect()

    def _start(self) -> None:
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            self.subject.command(self.connection_file, self._extra),
            env=self.subject.environment(IPYTHONDIR=str(self.folder / "ipython")),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # as jupyter_client starts kernels; a signal goes to the group
        )

    def connect(self) -> None:
        """Wait until the kernel answers; a kernel that was made with `connect=False` still needs it."""
        try:
            self.reach()
        except Missed as missed:
            last = self.log().strip().splitlines()[-1:]
            self.close()
            raise NotStarted(": ".join([str(missed), *last])) from None
        except BaseException:
            self.close()
            raise

    def reach(self) -> None:
        """As `connect`, but a kernel that does not answer is left as it is; raise `Missed` then."""
        self._connect()
        if self.subject.before:
            self.need(self.subject.before, START_SECONDS)

    def _connect(self) -> None:
        """Ask until a status shows that the iopub subscription stands: what is published before is nobody's."""
        deadline = time.perf_counter() + START_SECONDS
        while time.perf_counter() < deadline:
            request = self.client.send("shell", "kernel_info_request")
            info = self.client.reply(request, START_SECONDS, "the first reply")
            try:
                self.client.idle(request, 0.3)
            except Missed:
                continue
            self.info = info.content
            return
        raise Missed(f"no status on iopub within {START_SECONDS:g} s")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the kernel by force and remove what it left behind."""
        self.client.close()
        family = self._family()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        for member in family:
            try:
                member.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, 5)
        self._log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _family(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def log(self) -> str:
        """What the process itself has written to its stdout and stderr."""
        return (self.folder / "log").read_text(errors="replace")

    def memory(self) -> float:
        """The resident memory of the process in MiB; 0 when it is gone."""
        try:
            return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20
        except psutil.NoSuchProcess:
            return 0.0

    def children(self) -> list[psutil.Process]:
        """The processes that the kernel has started and that still run."""
        return [child for child in self._family() if child.status() != psutil.STATUS_ZOMBIE]

    # what a front end does

    def run(self, code: str, seconds: float = 20.0, *, subshell: str | None = None, **options: Any) -> Cell:
        """Run one cell to its idle and give what came of it."""
        return self.finish(self.client.execute(code, subshell=subshell, **options), seconds)

    def finish(self, request: str, seconds: float = 20.0) -> Cell:
        """Wait for the reply and the idle of a cell that was sent, and give what came of it."""
        reply = self.client.reply(request, seconds)
        self.client.idle(request, seconds)
        return self.cell(request, reply)

    def cell(self, request: str, reply: Received) -> Cell:
        """What has come of a cell so far."""
        client = self.client
        return Cell(request, reply, client.text(request), client.text(request, "stderr"), client.displayed(request))

    def need(self, code: str, seconds: float = 20.0, *, subshell: str | None = None, **options: Any) -> Cell:
        """Run a cell that has to succeed; raise `Missed` with its error otherwise."""
        cell = self.run(code, seconds, subshell=subshell, **options)
        if not cell.ok:
            raise Missed(f"{code.strip().splitlines()[0][:60]!r} gave {cell.error}")
        return cell

    def subshell(self) -> str:
        """Create a subshell (JEP 91) and return its id; raise `Missed` where there are none."""
        if "kernel subshells" not in self.info.get("supported_features", []):
            raise Missed("no subshells")
        reply = self.client.reply(self.client.send("control", "create_subshell_request"), 10, "create_subshell_reply")
        if "subshell_id" not in reply.content:
            raise Missed(f"create_subshell_request gave {reply.content}"[:200])
        return str(reply.content["subshell_id"])

    def interrupt(self, means: Means) -> float:
        """Send an interrupt and return when, in `time.perf_counter` seconds.

        The signal goes to the whole process group, as jupyter_client's local provisioner sends it.
        """
        sent = time.perf_counter()
        if means == "message":
            self.client.send("control", "interrupt_request")
        elif self.alive():
            os.killpg(self.process.pid, signal.SIGINT)
        return sent

    def tells_interrupt(self, reply: Received) -> bool:
        """Whether a reply says that its cell was interrupted.

        This project's kernel says KeyboardInterrupt; of a peer another name of an interrupt is taken too.
        """
        name = str(reply.content.get("ename", ""))
        right = name == "KeyboardInterrupt" if self.subject.ours else "Interrupt" in name
        return reply.content["status"] == "error" and right

    def shutdown(self, seconds: float, *, restart: bool = False) -> float:
        """Ask for a shutdown and return the seconds until the process was gone; raise `Missed` if it stays."""
        sent = time.perf_counter()
        self.client.send("control", "shutdown_request", {"restart": restart})
        return self.gone(sent, seconds)

    def restart(self, seconds: float) -> None:
        """Have another process at the same address, as a front end does."""
        self.shutdown(seconds, restart=True)
        self._start()
        self.reach()

    def reconnect(self, connection: Mapping[str, Any] | None = None) -> None:
        """Have another client, by default at the same address."""
        self.client.close()
        self.connection = dict(connection or self.connection)
        self.client = Client(self.connection, self.alive)
        self.reach()

    def gone(self, since: float, seconds: float) -> float:
        """Wait for the process to end; return the seconds from `since`."""
        self.client.wait(lambda: not self.alive(), seconds, "the end of the process")
        return time.perf_counter() - since
