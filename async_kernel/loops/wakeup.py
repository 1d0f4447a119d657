"""Signals that end an asyncio loop's wait for certain.

CPython runs a signal's Python handler between two bytecodes. A signal that arrives after the last of them and before
the selector's system call begins does not end that call: its handler would run whenever the loop next has something
to do. uvloop, trio and the Proactor loop set a wakeup descriptor against that; asyncio's selector loop has one only
while it has signal handlers of its own. Nothing of the package is known here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["woken_by_signals"]


@contextmanager
def woken_by_signals(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """While inside, every signal wakes `loop`, a selector loop in the main thread (`signal.set_wakeup_fd`).

    In another thread nothing happens: signals have their handlers run in the main thread alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reader, writer = socket.socketpair()
    with reader, writer:
        reader.setblocking(False)
        writer.setblocking(False)
        ours = writer.fileno()
        before = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
        loop.add_reader(reader, _drain, reader)
        try:
            yield
        finally:
            loop.remove_reader(reader)
            there = signal.set_wakeup_fd(before)
            if there != ours:  # set by `loop.add_signal_handler` meanwhile
                signal.set_wakeup_fd(there)


def _drain(reader: socket.socket) -> None:
    with suppress(BlockingIOError):
        while len(reader.recv(4096)) == 4096:
            pass
