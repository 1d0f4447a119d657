"""The one client that measures every kernel: Jupyter's wire protocol, written directly on pyzmq.

It is thin so that its own cost is small and the same for all: while it measures, a message is received, stamped with
the time and kept as bytes; which request it belongs to is found by a pattern. JSON is parsed and signatures are checked
afterwards, outside the measured time. It knows no kernel by name.
"""

from __future__ import annotations

import hmac
import itertools
import json
import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import zmq

__all__ = ["Arrival", "Client", "DeadlineError", "Exchange"]

DELIMITER: Final = b"<IDS|MSG>"
MSG_ID: Final = re.compile(rb'"msg_id"\s*:\s*"([^"]*)"')
DRAIN: Final = 256  # messages taken from one socket before the other is looked at
LATE_MS: Final = 200  # how long after the last idle output may still come
RECONNECT_MS: Final = 1  # the default, 100 ms, would round a cold start up to the next retry


class DeadlineError(Exception):
    """What was waited for did not come in time; the text says what."""


class Arrival(NamedTuple):
    """A message as it came: the time (`time.perf_counter()`, s), and its frames after the delimiter."""

    time: float
    frames: list[bytes]

    @property
    def parent(self) -> str:
        """The id of the request that it belongs to; empty when it belongs to none."""
        match = MSG_ID.search(self.frames[2])
        return match[1].decode() if match else ""


class Exchange:
    """What came in while requests were waited for: times of replies and idles by request, and all of iopub."""

    def __init__(self) -> None:
        self.replies: dict[str, float] = {}
        self.idles: dict[str, float] = {}
        self.answers: list[Arrival] = []
        self.iopub: list[Arrival] = []

    @property
    def last(self) -> float:
        """When the last message came; 0 when none did."""
        return max((group[-1].time for group in (self.answers, self.iopub) if group), default=0.0)


class Client:
    """A connection to one kernel. It may be opened before the kernel is there: requests wait in the sockets."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self.key = str(connection["key"]).encode()
        self.url = f"{connection['transport']}://{connection['ip']}:"
        self.numbers = itertools.count(1)
        self.context = zmq.Context()
        self.server_key = str(connection.get("curve_publickey", "")).encode()
        self.shell = self.connect(zmq.DEALER, connection["shell_port"])
        self.control = self.connect(zmq.DEALER, connection["control_port"])
        self.iopub = self.connect(zmq.SUB, connection["iopub_port"])
        self.iopub.subscribe(b"")
        self.poller = zmq.Poller()
        self.poller.register(self.shell, zmq.POLLIN)
        self.poller.register(self.iopub, zmq.POLLIN)

    def connect(self, kind: int, port: int) -> zmq.Socket[bytes]:
        """A socket that never limits what it keeps, so that what is lost was lost by the kernel."""
        socket: zmq.Socket[bytes] = self.context.socket(kind)
        socket.linger = 0
        socket.rcvhwm = socket.sndhwm = 0
        socket.reconnect_ivl = RECONNECT_MS
        if self.server_key:
            socket.curve_publickey, socket.curve_secretkey = zmq.curve_keypair()
            socket.curve_serverkey = self.server_key
        socket.connect(f"{self.url}{port}")
        return socket

    def close(self) -> None:
        """Drop the connection and whatever was still to be sent."""
        self.context.destroy(linger=0)

    def build(self, kind: str, content: Mapping[str, Any]) -> tuple[str, list[bytes]]:
        """A signed request, as its id and its frames."""
        request = f"request-{next(self.numbers)}"
        header = {
            "msg_id": request,
            "msg_type": kind,
            "session": "benchmark",
            "username": "benchmark",
            "date": datetime.now(UTC).isoformat(),
            "version": "5.4",
        }
        frames = [json.dumps(header).encode(), b"{}", b"{}", json.dumps(content).encode()]
        return request, [DELIMITER, self.sign(frames), *frames]

    def execute(self, code: str, *, store_history: bool = False, silent: bool = False) -> tuple[str, list[bytes]]:
        """An execute_request, as its id and its frames."""
        flags = {"silent": silent, "store_history": store_history, "allow_stdin": False, "stop_on_error": True}
        return self.build("execute_request", {"code": code, "user_expressions": {}, **flags})

    def until(self, kind: str, request: str, timeout: float) -> Arrival:
        """The next message on iopub of this type that belongs to `request`, "" for any. Raises `DeadlineError`."""
        end = time.perf_counter() + timeout
        while self.iopub.poll(max(0, int(1000 * (end - time.perf_counter())))):
            for arrival in self.drain(self.iopub, most=1):
                if request in ("", arrival.parent) and b'"%s"' % kind.encode() in arrival.frames[1]:
                    return arrival
        raise DeadlineError(f"no {kind} within {timeout:.0f} s")

    def sign(self, frames: Iterable[bytes]) -> bytes:
        """The digest of four frames, in hexadecimal."""
        return hmac.digest(self.key, b"".join(frames), "sha256").hex().encode()

    def read(self, arrival: Arrival) -> tuple[str, dict[str, Any]]:
        """Type and content of a message; raises `ValueError` when its signature is wrong."""
        if self.sign(arrival.frames[1:5]) != arrival.frames[0]:
            raise ValueError("the kernel sent a message with a wrong signature")
        return json.loads(arrival.frames[1])["msg_type"], json.loads(arrival.frames[4])

    def check(self, exchange: Exchange) -> None:
        """Raise `ValueError` unless every reply is signed and says ok: a kernel that fails fast must not look fast."""
        for arrival in exchange.answers:
            kind, content = self.read(arrival)
            if content.get("status") != "ok":
                raise ValueError(f"{kind}: {content.get('status')} {content.get('ename')}: {content.get('evalue')}")

    def collect(self, requests: Iterable[str], timeout: float, *, idle: bool = True, quiet: float = 0.0) -> Exchange:
        """Receive until every request has its reply and, with `idle`, its idle status.

        With `quiet` it gives up, without an error, once all replies are there and nothing came for that many seconds,
        or `timeout` s are over; it then takes what comes on iopub after the last idle too. Without `quiet` it raises
        `DeadlineError` when `timeout` s are over.
        """
        exchange = Exchange()
        missing_replies = set(requests)
        missing_idles = set(missing_replies) if idle else set()
        end = time.perf_counter() + timeout
        while missing_replies or missing_idles:
            now = time.perf_counter()
            wait = end - now
            if quiet and not missing_replies:
                wait = min(wait, max(exchange.last, now - quiet) + quiet - now)
            ready = dict(self.poller.poll(max(1, int(wait * 1000)))) if wait > 0 else {}
            if not ready:
                if quiet:
                    break
                raise DeadlineError(f"no {'reply' if missing_replies else 'idle'} within {timeout:.0f} s")
            if self.shell in ready:
                for arrival in self.drain(self.shell):
                    exchange.answers.append(arrival)
                    exchange.replies[arrival.parent] = arrival.time
                    missing_replies.discard(arrival.parent)
            if self.iopub in ready:
                for arrival in self.drain(self.iopub):
                    exchange.iopub.append(arrival)
                    if b'"idle"' in arrival.frames[4]:
                        exchange.idles[arrival.parent] = arrival.time
                        missing_idles.discard(arrival.parent)
        while quiet and self.iopub.poll(LATE_MS):
            exchange.iopub.extend(self.drain(self.iopub))
        return exchange

    @staticmethod
    def drain(socket: zmq.Socket[bytes], most: int = DRAIN) -> list[Arrival]:
        """What can be received at once, up to a limit."""
        arrivals: list[Arrival] = []
        for _ in range(most):
            try:
                frames = socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            now = time.perf_counter()
            # An XPUB kernel's iopub_welcome and the like have frames of their own; what is no message is not kept.
            if DELIMITER in frames and len(frames) >= frames.index(DELIMITER) + 6:
                arrivals.append(Arrival(now, frames[frames.index(DELIMITER) + 1 :]))
        return arrivals

    def settle(self, timeout: float) -> None:
        """Return once the kernel runs cells and its iopub messages arrive; raises `DeadlineError`.

        A subscription takes effect some time after the kernel has bound its socket, so the first idle may be lost. The
        question is a silent cell and not kernel_info, whose status a kernel was seen never to publish.
        """
        end = time.perf_counter() + timeout
        while True:
            request, frames = self.execute("None", silent=True)
            self.shell.send_multipart(frames)
            exchange = self.collect([request], max(0.1, end - time.perf_counter()), idle=False)
            self.check(exchange)
            try:
                self.collect_idle(request, exchange, 0.2)
            except DeadlineError as error:
                if time.perf_counter() > end:
                    raise DeadlineError(f"no idle of any silent cell within {timeout:.0f} s, all replied to") from error
            else:
                return

    def collect_idle(self, request: str, exchange: Exchange, timeout: float) -> None:
        """Wait for the idle of a request whose reply is in `exchange`; raises `DeadlineError`."""
        end = time.perf_counter() + timeout
        while request not in exchange.idles:
            if not self.iopub.poll(max(0, int((end - time.perf_counter()) * 1000))):
                raise DeadlineError(f"no idle within {timeout} s")
            for arrival in self.drain(self.iopub):
                if b'"idle"' in arrival.frames[4]:
                    exchange.idles[arrival.parent] = arrival.time
