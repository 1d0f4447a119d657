"""A kernel's process: started from the argv of its spec, watched, and never left behind.

It knows processes and connection files; what is said over the sockets is the client's business.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

__all__ = ["KernelProcess"]

CHANNELS: Final = ("shell", "iopub", "stdin", "control", "hb")
# Below the range from which systems take ports for outgoing connections: a client that retries on a port of that range
# can by chance connect to itself, and the kernel then finds its port taken.
PORTS: Final = range(11_000, 32_000)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on."""
    held: list[socket.socket] = []
    try:
        while len(held) < count:
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", random.choice(PORTS)))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        return [int(one.getsockname()[1]) for one in held]
    finally:
        for one in held:
            one.close()


class KernelProcess:
    """One run of a kernel, as a context manager that kills whatever is left of it.

    `keys` are those of CurveZMQ, if it is to encrypt. `connection` is the content of the connection file, which is
    written before the process starts; `started` is the time (`time.perf_counter()`, s) just before it was started,
    `exited` the time of its end, 0 while it lives.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], prefix: Path, folder: Path, keys: Mapping[str, str]
    ) -> None:
        ports = free_ports(len(CHANNELS))
        self.connection: dict[str, Any] = {f"{name}_port": port for name, port in zip(CHANNELS, ports, strict=True)}
        self.connection |= {"transport": "tcp", "ip": "127.0.0.1", "signature_scheme": "hmac-sha256"}
        self.connection |= {"key": secrets.token_hex(32), "kernel_name": "benchmark", **keys}
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / f"kernel-{secrets.token_hex(8)}.json"
        with os.fdopen(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(self.connection, file)
        self.argv = [word.replace("{connection_file}", str(self.file)) for word in argv]
        self.env = {**self.environment(prefix), **env}
        self.log = folder / "kernel.log"
        self.started = self.exited = 0.0
        self.process: subprocess.Popen[bytes]

    def environment(self, prefix: Path) -> dict[str, str]:
        """The variables of the kernel: those of this process, with the folders of IPython and Jupyter our own."""
        env = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "JUPYTER", "IPYTHON"))}
        env["PATH"] = os.pathsep.join((str(prefix / ("Scripts" if os.name == "nt" else "bin")), env.get("PATH", "")))
        env["JPY_PARENT_PID"] = str(os.getpid())
        names = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
        return env | {name: str(self.folder / name.lower()) for name in names}

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.started = time.perf_counter()
            self.process = subprocess.Popen(
                self.argv,
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        # Popen.wait with a timeout polls, at up to 50 ms; a thread in a plain wait sees the exit at once.
        self.waiter = threading.Thread(target=self._wait, daemon=True)
        self.waiter.start()
        return self

    def _wait(self) -> None:
        self.process.wait()
        self.exited = time.perf_counter()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        family = self.family()
        if sys.platform != "win32":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        for one in family:
            with suppress(psutil.Error):
                one.kill()
        self.waiter.join(10)
        self.file.unlink(missing_ok=True)

    def family(self) -> list[psutil.Process]:
        """The kernel's process and its children that are alive."""
        try:
            process = psutil.Process(self.process.pid)
            return [process, *process.children(recursive=True)]
        except psutil.Error:
            return []

    def wait(self, timeout: float) -> bool:
        """Whether the process ended within `timeout` s."""
        self.waiter.join(timeout)
        return not self.waiter.is_alive()

    def memory(self) -> float:
        """Resident memory in MB (10^6 bytes), children included."""
        return sum(float(one.memory_info().rss) for one in self.family()) / 1e6

    def own_memory(self) -> float:
        """Memory that would be free again without the kernel (USS), in MB, children included."""
        return sum(float(one.memory_full_info().uss) for one in self.family()) / 1e6

    def threads(self) -> int:
        """How many threads there are, children included."""
        return sum(int(one.num_threads()) for one in self.family())

    def cpu(self) -> float:
        """Processor time used so far, in seconds, children included."""
        return sum(cpu_seconds(one) for one in self.family())

    def count_instructions(self) -> int:
        """The instructions since this was called last, of a process that runs under callgrind."""
        before = {*self.folder.glob("instructions.*")}
        command = ["callgrind_control", "--dump", str(self.process.pid)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
        (dump,) = {*self.folder.glob("instructions.*")} - before
        lines = dump.read_text(encoding="utf-8", errors="replace").splitlines()
        dump.unlink()
        return next(int(line.split()[1]) for line in lines if line.startswith(("summary:", "totals:")))

    def words(self, lines: int = 5) -> str:
        """The last lines that the process wrote to its log."""
        try:
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-lines:])
        except OSError:
            return ""


def cpu_seconds(process: psutil.Process) -> float:
    """Processor time of a process in seconds: from Linux's scheduler in ns where it counts, else in clock ticks."""
    total = 0
    for path in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
        with suppress(OSError, ValueError, IndexError):
            total += int(path.read_text().split()[0])
    if total:
        return total / 1e9
    times = process.cpu_times()
    return float(times.user + times.system)
