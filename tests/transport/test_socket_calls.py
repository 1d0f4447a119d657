"""Large buffers: they are copied nowhere on their way in, and once at most on their way out."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import zmq

from async_kernel.protocol.codec import Codec
from async_kernel.protocol.signing import Signer
from async_kernel.system.heap import keep_heap
from async_kernel.transport.socket_calls import LARGE_BYTES, PARTS, keep, receive, send

SIZE = 10_000_000
SMALL_BYTES = 200_000
"""What a message takes of Python's memory beside its buffers, and more."""

KEY = b"a key"


@pytest.fixture
def pair() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """A kernel's socket and that of a client."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    kernel, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    client.connect(f"tcp://127.0.0.1:{kernel.bind_to_random_port('tcp://127.0.0.1')}")
    yield kernel, client
    context.destroy(linger=0)


def make_codec() -> Codec:
    return Codec(Signer(KEY), "session", "user", lambda: "2026-01-31T12:00:00+00:00", keep)


def arrived(socket: zmq.Socket[bytes]) -> list[Any]:
    assert socket.poll(20_000)
    return [*receive(socket)]


def taken_by(call: Callable[[], Any]) -> tuple[int, Any]:
    """The most that Python's memory grows by while `call()` runs, and its result. ZMQ's memory is no part of that."""
    keep_heap()  # which takes a block for a moment, once
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        result = call()
        return tracemalloc.get_traced_memory()[1] - before, result
    finally:
        tracemalloc.stop()


def test_an_echo_copies_nothing(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    kernel, client = pair
    data = bytes(range(256)) * (SIZE // 256)
    client.send_multipart([bytes(frame) for frame in make_codec().encode("comm_msg", {}, buffers=[data, b"small"])])
    assert kernel.poll(20_000)

    def echo() -> list[Any]:
        identity, *frames = receive(kernel)
        message = make_codec().decode(frames)
        send(kernel, make_codec().encode("comm_msg", {}, buffers=message.buffers, identities=[bytes(identity)]))
        return [*message.buffers]

    taken, buffers = taken_by(echo)
    assert taken < SMALL_BYTES
    assert [type(buffer) for buffer in buffers] == [memoryview, memoryview]
    assert all(buffer.readonly for buffer in buffers)
    assert buffers[0] == data
    assert arrived(client)[-2:] == [data, b"small"]
    assert buffers[0] == data, "its memory is in use until nobody needs it"


def test_a_buffer_that_can_change_is_copied_once_and_not_by_python(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    kernel, client = pair
    client.send_multipart([b"hello"])
    identity, _ = arrived(kernel)
    data = bytearray(SIZE)
    taken, frames = taken_by(lambda: make_codec().encode("comm_msg", {}, buffers=[data], identities=[identity]))
    assert taken < SMALL_BYTES
    data[:] = b"x" * SIZE
    taken, _ = taken_by(lambda: send(kernel, frames))
    assert taken < SMALL_BYTES
    assert arrived(client)[-1] == bytes(SIZE)


def test_what_is_kept_is_whole_without_gaps_and_as_it_was(pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    kernel, client = pair
    client.send_multipart([b""] * (PARTS - 1) + [bytes(range(256)) * (LARGE_BYTES // 128)])
    *_, view = arrived(kernel)
    whole = view.toreadonly()
    for part in (whole, view, whole[1:], whole[::-1], memoryview(bytearray(whole)).toreadonly()):
        expected = bytes(part)
        kept = keep(part)
        assert bytes(kept) == expected
        assert memoryview(kept).c_contiguous
        assert len(kept) == len(expected)
    view[0] = 99  # a view that can be written into is copied; the read-only one is not
    assert memoryview(keep(whole))[0] == 99
    assert keep(b"bytes") == b"bytes"
    assert keep(bytearray(b"array")) == b"array"


def test_parts_of_json_are_bytes_however_many_identities_there_are(
    pair: tuple[zmq.Socket[bytes], zmq.Socket[bytes]],
) -> None:
    kernel, client = pair
    content = {"text": "x" * 2 * LARGE_BYTES}
    frames = make_codec().encode("stream", content, identities=[b"a proxy", b"another"])
    client.send_multipart([bytes(frame) for frame in frames])
    message = make_codec().decode(arrived(kernel))
    assert message.content == content
    assert all(type(identity) is bytes for identity in message.identities)


NO_MEMORY = """
import resource
import zmq
from async_kernel.transport.socket_calls import receive, send

context = zmq.Context()
sender, receiver = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
sender.bind("inproc://pair")
receiver.connect("inproc://pair")
large = b"x" * (48 << 20)
with open("/proc/self/statm") as file:
    size = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (20 << 20), resource.RLIM_INFINITY))
try:
    send(sender, [b"one", b"head", large])
except MemoryError:
    print("MemoryError")
send(sender, [b"two", b"head"])
print(receive(receiver))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the size of a process is read from /proc")
def test_a_message_without_memory_leaves_nothing_behind() -> None:
    ran = subprocess.run([sys.executable, "-c", NO_MEMORY], capture_output=True, text=True, timeout=60)
    assert ran.stdout == "MemoryError\n[b'two', b'head']\n", ran.stderr
