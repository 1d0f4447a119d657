"""The memory transport."""

from __future__ import annotations

import threading

import pytest

from async_kernel.protocol.names import Channel
from async_kernel.transport.memory import MemoryTransport


def test_messages_come_out_by_channel_in_order() -> None:
    transport = MemoryTransport()
    transport.send(Channel.SHELL, [b"1", bytearray(b"2"), memoryview(b"3")])
    transport.send(Channel.IOPUB, [b"x"])
    transport.send(Channel.SHELL, [b"4"])
    assert transport.take(Channel.SHELL, 0) == [b"1", b"2", b"3"]
    assert transport.take(Channel.SHELL, 0) == [b"4"]
    assert transport.take(Channel.IOPUB, 0) == [b"x"]
    with pytest.raises(TimeoutError, match="shell"):
        transport.take(Channel.SHELL, 0)


def test_take_waits_for_another_thread() -> None:
    transport = MemoryTransport()
    thread = threading.Thread(target=transport.send, args=(Channel.SHELL, [b"1"]))
    thread.start()
    assert transport.take(Channel.SHELL, 20) == [b"1"]
    thread.join(20)
