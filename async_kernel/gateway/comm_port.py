"""The process that serves a kernel's port for its gateway: `python -I -S comm_port.py DESCRIPTOR PID`.

DESCRIPTOR is a socket that listens, PID the kernel. A request is one JSON object on a connection of its own, without an
answer: `{"signum": 2}` sends the kernel a signal, `{"signum": 0}` sends nothing (the gateway sees that somebody
listens) and `{"shutdown": 1}` ends the kernel. The contract has no key, so whoever reaches the port may do this.
Requests are short and few, connections are few and brief; whatever else comes is dropped. The process ends with the
kernel.

It is run as a file, and imports nothing but the standard library, of that little.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["CommPort", "main", "read_request"]

REQUEST_BYTES = 1024
"""The longest request."""

REQUEST_SECONDS = 5.0
"""How long a connection may take to send it."""

CONNECTIONS = 16
"""How many are open at a time; one more closes the oldest. A gateway has sent its request by then."""

GRACE = 6.0
"""Seconds that a kernel has to end after a shutdown, before it is ended by force; it takes three if it can."""

LOOK = 0.5
"""Seconds between two looks whether the kernel is there, where the system has no descriptors of processes."""

END = "end"
SIGKILL = 9
SIGNALS = frozenset(
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
)
"""Those that gateways send: interrupts and ends, and the ones that are the users' own."""


def read_request(text: bytes) -> int | str | None:
    """The signal that a request asks for (0 for none), "end", or None if it is no request.

    `read_request(b'{"signum": 2}') == 2`.
    """
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(request, dict) or len(request) != 1:
        return None
    number = request.get("signum")
    if type(number) is int and (number == 0 or number in SIGNALS):
        return number
    return END if request.get("shutdown") in (1, True) else None


class CommPort:
    """The port of one kernel. `send(number)` signals it, `alive()` says whether it is there."""

    def __init__(
        self, listener: socket.socket, kernel: int, send: Callable[[int], None], alive: Callable[[], bool]
    ) -> None:
        self._listener = listener
        self._kernel = kernel  # a descriptor of the process, -1 where there is none
        self._send = send
        self._alive = alive
        self._open: dict[int, tuple[socket.socket, float, bytes]] = {}
        self._killing = float("inf")

    def serve(self) -> None:
        """Serve until the kernel has ended; then nobody listens any more."""
        with self._listener:
            self._listener.setblocking(False)
            self._serve()
            for connection, _, _ in self._open.values():
                connection.close()

    def _serve(self) -> None:
        while self._alive():
            ready = self._wait()
            if self._kernel in ready:
                return
            if self._listener.fileno() in ready:
                self._accept()
            for number in [number for number in self._open if number in ready]:
                self._read(number)
            self._drop_slow()
            if time.monotonic() >= self._killing:
                self._send(SIGKILL)

    def _wait(self) -> set[int]:
        ends = [self._killing, *(end for _, end, _ in self._open.values())]
        if self._kernel < 0:
            ends.append(time.monotonic() + LOOK)
        first = min(ends)
        seconds = None if first == float("inf") else max(0.0, first - time.monotonic())
        reads = [self._listener.fileno(), *self._open, *([self._kernel] if self._kernel >= 0 else [])]
        return set(select.select(reads, [], [], seconds)[0])  # these few have small numbers

    def _accept(self) -> None:
        with suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            if len(self._open) >= CONNECTIONS:
                self._open.pop(next(iter(self._open)))[0].close()
            self._open[connection.fileno()] = connection, time.monotonic() + REQUEST_SECONDS, b""

    def _read(self, number: int) -> None:
        """Read on. A request is whole when it is a request: not every client closes its side."""
        connection, end, text = self._open[number]
        try:
            part = connection.recv(REQUEST_BYTES + 1)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        text += part
        request = read_request(text) if len(text) <= REQUEST_BYTES else None
        if request is None and part and len(text) <= REQUEST_BYTES:
            self._open[number] = connection, end, text
            return
        del self._open[number]
        connection.close()
        self._do(request)

    def _do(self, request: int | str | None) -> None:
        if request == END:
            self._send(signal.SIGTERM)
            self._killing = min(self._killing, time.monotonic() + GRACE)
        elif isinstance(request, int) and request:
            self._send(request)

    def _drop_slow(self) -> None:
        now = time.monotonic()
        for number in [number for number, (_, end, _) in self._open.items() if end <= now]:
            self._open.pop(number)[0].close()


def main(descriptor: int, pid: int) -> None:
    """Serve the listening socket `descriptor` for the kernel `pid`, as a process that is nobody's child."""
    if sys.platform == "win32":
        raise SystemExit("signals are not for Windows")
    if sys.platform == "linux":
        try:
            kernel = os.pidfd_open(pid)  # while it waits for us: the number is its own
        except OSError:  # a sandbox without the system call, or a kernel before 5.3
            kernel = -1
    else:
        kernel = -1
    if os.fork():
        return
    with suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as comm:  # noqa: PTH123  # without its import
        comm.write("kernel comm port")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def send(number: int) -> None:
        with suppress(OSError):
            if sys.platform == "linux" and kernel >= 0:
                signal.pidfd_send_signal(kernel, number)
            else:
                os.kill(pid, number)

    def alive() -> bool:
        if kernel >= 0:
            return True  # until its descriptor says otherwise
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    CommPort(socket.socket(fileno=descriptor), kernel, send, alive).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
