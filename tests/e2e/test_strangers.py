"""Strangers on the sockets of a kernel: processes of the same machine that connect without knowing the key.

They get no answer, and the kernel's clients do not notice them: no output late or lost, no memory filled.
"""

from __future__ import annotations

import socket as tcp
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest
import zmq

from async_kernel.transport.replies import REPLY_BYTES

from .driver import DEADLINE, KernelDriver, wait_until

GROWTH = 32 << 20
"""Bytes by which the memory of a kernel may grow under junk."""

MILLISECONDS = round(DEADLINE * 1000)


@pytest.fixture
def context() -> Iterator[zmq.Context[zmq.Socket[bytes]]]:
    """What strangers connect with; at the end it is closed with all their sockets."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def strange(kernel: KernelDriver, context: zmq.Context[zmq.Socket[bytes]]) -> Callable[[str, int], zmq.Socket[bytes]]:
    """Connect to a channel: `strange("iopub", zmq.SUB)`. Nothing is dropped on the stranger's side."""
    sockets: list[zmq.Socket[bytes]] = []

    def connect(channel: str, kind: int) -> zmq.Socket[bytes]:
        socket = context.socket(kind)
        sockets.append(socket)  # one that is collected while it is open warns
        socket.reconnect_ivl = -1
        socket.sndhwm = 0
        socket.rcvhwm = 1
        socket.rcvbuf = 4096
        socket.connect(kernel.manager._make_url(channel))
        return socket

    return connect


Strange = Callable[[str, int], zmq.Socket[bytes]]


def memory(kernel: KernelDriver) -> int:
    """The bytes of memory that the kernel's process holds."""
    return int(psutil.Process(kernel.process.pid).memory_info().rss)


def test_subscribers_that_stall_cost_a_client_nothing(kernel: KernelDriver, strange: Strange) -> None:
    for _ in range(3):
        staller = strange("iopub", zmq.SUB)
        staller.subscribe(b"")
        assert staller.poll(MILLISECONDS), "it was not served, and cannot stall"
    cell = kernel.execute("from IPython.display import display\nfor n in range(6000): display(n)", seconds=60).ok()
    shown = [content["data"]["text/plain"] for content in cell.contents("display_data")]
    assert shown == [str(n) for n in range(6000)]
    before = memory(kernel)
    for turn in range(20):
        cell = kernel.execute(f"print('y' * 1_000_000)\nfor n in range(300): display('{turn}')", seconds=60).ok()
        assert len(cell.text()) == 1_000_001
        assert len(cell.contents("display_data")) == 300
    assert memory(kernel) - before < 128 << 20, "what the stallers do not take is bounded, and kept once"


def test_long_subscriptions_are_not_stored(kernel: KernelDriver) -> None:
    kernel.execute("pass").ok()
    before = memory(kernel)
    for number in range(100):
        with greet(kernel, "iopub") as stranger, suppress(OSError):
            stranger.sendall(b"\x02" + (1_000_001).to_bytes(8, "big") + b"\x01" + bytes([number]) * 1_000_000)
    for _ in range(20):
        kernel.execute("pass").ok()
    assert memory(kernel) - before < GROWTH


def test_many_subscriptions_of_a_stranger_are_its_own_affair(kernel: KernelDriver, strange: Strange) -> None:
    kernel.execute("pass").ok()
    before = memory(kernel)
    stranger = strange("iopub", zmq.XSUB)
    for number in range(50_000):
        stranger.send(b"\x01topic %d" % number)
    stranger.send(b"\x01")
    for _ in range(20):
        cell = kernel.execute("print('here')").ok()
        assert cell.text() == "here\n"
    assert memory(kernel) - before < GROWTH
    with suppress(zmq.Again):
        while True:
            message = kernel.socket("iopub").recv_multipart(zmq.NOBLOCK)
            assert b"iopub_welcome" not in b"".join(message), "a welcome is for the one that has subscribed"


def greet(kernel: KernelDriver, channel: str) -> tcp.socket:
    """A plain connection to a channel, behind the greeting of ZMTP 3.0 (RFC 23) with the mechanism NULL."""
    ports: dict[str, Any] = {**kernel.client.get_connection_info()}
    stranger = tcp.create_connection((ports["ip"], ports[f"{channel}_port"]), DEADLINE)
    kind = b"SUB" if channel == "iopub" else b"DEALER"
    ready = b"\x05READY\x0bSocket-Type" + len(kind).to_bytes(4, "big") + kind
    stranger.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    stranger.sendall(bytes([4, len(ready)]) + ready)
    return stranger


@pytest.mark.parametrize("channel", ["shell", "control", "stdin", "hb", "iopub"])
def test_a_frame_that_is_too_long_ends_its_connection_before_it_is_stored(kernel: KernelDriver, channel: str) -> None:
    kernel.execute("pass").ok()
    before = memory(kernel)
    with greet(kernel, channel) as stranger:
        stranger.sendall(b"\x02" + (512 << 20).to_bytes(8, "big"))

        def is_closed() -> bool:
            try:
                stranger.sendall(bytes(1 << 20))
                return False
            except OSError:
                return True

        wait_until(is_closed, "the end of the connection")
    kernel.execute("pass").ok()
    assert memory(kernel) - before < GROWTH


def test_heartbeats_that_are_not_read_are_not_kept(kernel: KernelDriver, strange: Strange) -> None:
    before = memory(kernel)
    stranger = strange("hb", zmq.DEALER)
    for _ in range(3000):
        stranger.send(bytes(100_000))
    heart = strange("hb", zmq.REQ)
    for _ in range(20):
        heart.send(b"ping")
        assert heart.poll(MILLISECONDS)
        assert heart.recv() == b"ping"
    assert memory(kernel) - before < GROWTH


def test_replies_that_a_client_does_not_read_are_bounded(kernel: KernelDriver, strange: Strange) -> None:
    kernel.expects_stderr = True
    kernel.execute("pass").ok()
    before = memory(kernel)
    lazy = strange("shell", zmq.DEALER)
    content = {"code": "", "silent": True, "user_expressions": {"text": "'y' * 200_000"}}
    for _ in range(1500):
        lazy.send_multipart(kernel.client.session.serialize(kernel.client.session.msg("execute_request", content)))
    for _ in range(20):
        kernel.execute("pass", seconds=60).ok()  # behind the others: the order is one for all clients
    assert memory(kernel) - before < 2 * REPLY_BYTES, "beside what is kept, ZMQ holds some"
    assert kernel.stderr() == "async-kernel: a client reads no replies on shell: from now on they are dropped\n"
