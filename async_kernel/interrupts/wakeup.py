"""The wakeup descriptor, by which a signal ends the wait of the main thread, and its owners.

CPython runs a signal's handler between two bytecodes. A signal that arrives behind the last of them, just before a
blocking system call begins, does not end that call: its handler would run when the call returns. Against that CPython
writes the number of each signal to one descriptor (`signal.set_wakeup_fd`). A thread that watches it can end the wait.

There is one descriptor for a process, and several parties want it. In the order in which they take it:

- The loop. uvloop, trio and the Proactor loop set one for their own waits. asyncio's selector loop has one only while
  it has signal handlers of its own, so `woken_by_signals` gives it one.
- The relay (`SignalRelay`), which owns it from when the loop runs, and takes it back before each cell: the loop, or a
  cell, may have set its own. It protects every wait, and passes the numbers that it reads on to the former descriptor.
- A loop that a cell nests sets its own for its time (`concurrency.nested` sets ours aside, and back).

POSIX only, but for `woken_by_signals`: Windows ends waits by an event.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

from async_kernel.system.end_signals import END_SIGNALS
from async_kernel.system.real import real
from async_kernel.system.watch import Planned, Watch

if TYPE_CHECKING:
    import asyncio

__all__ = ["SignalRelay", "woken_by_signals"]

FIRST_PAUSE, LONGEST_PAUSE, LATE_PAUSE = 0.001, 0.05, 1.0
"""Seconds between two nudges of the main thread: doubled from the first to the longest; up to the last when the thread
that nudges does not get its turn."""


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


if sys.platform == "win32":
    NUDGE = 0

    def _send_nudge(thread: int) -> None:
        raise NotImplementedError("Windows ends waits by an event: there is no relay.")

else:
    NUDGE = int(signal.SIGURG)
    """The signal by which the main thread is told to run its handlers. A program asks for it by out-of-band data."""

    def _send_nudge(thread: int) -> None:
        signal.pthread_kill(thread, NUDGE)


class SignalRelay:
    """Nudges the main thread when a signal has arrived, until its handlers have run.

    A nudge is a signal of its own, SIGURG, which does nothing unless a program asks for it (out-of-band data of
    sockets). When its handler runs, those of all signals that came before have run.

    All is done in the thread of `watch`. `end()` is called there when a signal has arrived that asks for the end: its
    handler may be late, since there are C calls that no signal ends, `os.system` for one. `pair` are connected sockets
    to read numbers of signals from and to have them written to; by default they are made here.
    """

    def __init__(
        self,
        watch: Watch,
        relayed: Collection[int] = (signal.SIGINT, *END_SIGNALS),
        end: Callable[[], None] = lambda: None,
        pair: tuple[socket.socket, socket.socket] | None = None,
    ) -> None:
        self._watch = watch
        self._relayed = frozenset(relayed)
        self._end = end
        self._reader, self._writer = pair or socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._lock = threading.Lock()
        self._behind = -1  # a duplicate of the descriptor that was there before: its owner may close it at any time
        self._nudges = self._answered = 0
        self._again: Planned | None = None  # the next nudge
        self._main = threading.get_ident()
        self._previous = signal.signal(NUDGE, self._answer)
        watch.on(self._reader.fileno(), self._read)

    def listen(self) -> None:
        """Take the wakeup descriptor from its owner, a loop that has begun to run. In another thread than the
        main one, which alone runs handlers, nothing happens."""
        if threading.get_ident() == self._main:
            ours = self._writer.fileno()
            there = signal.set_wakeup_fd(ours, warn_on_full_buffer=False)
            if there != ours:
                self._pass_on_to(there)

    def close(self) -> None:
        """Give up the wakeup descriptor and SIGURG. To be called in the main thread."""
        there = signal.set_wakeup_fd(-1)
        if there != self._writer.fileno():
            signal.set_wakeup_fd(there, warn_on_full_buffer=False)
        self._nudges = self._answered
        self._watch.forget(self._reader.fileno())
        self._writer.close()
        self._reader.close()
        self._pass_on_to(-1)
        signal.signal(NUDGE, self._previous)

    def _pass_on_to(self, descriptor: int) -> None:
        behind = -1
        if descriptor >= 0:
            with suppress(OSError):
                behind = os.dup(descriptor)
        with self._lock:
            old, self._behind = self._behind, behind
        if old >= 0:
            os.close(old)

    # In the thread of the watch, which waits for the descriptor first, then for the GIL, and reads when it has that: so
    # the guardian sees unread signals while C code holds the GIL.

    def _read(self) -> None:
        try:
            arrived = self._reader.recv(4096)
        except BlockingIOError:
            return
        if not arrived:
            raise EOFError("The descriptor for signals was closed by other code.")
        self._pass_on(arrived)
        if not END_SIGNALS.isdisjoint(arrived):
            self._end()
        if not self._relayed.isdisjoint(arrived):
            self._nudges += 1
            self._nudge(FIRST_PAUSE)

    def _nudge(self, pause: float) -> None:
        """Nudge the main thread, and again after so many seconds."""
        if self._again is not None:
            self._again.cancel()
        main = threading.main_thread().ident
        assert main is not None
        _send_nudge(main)
        due = real.monotonic() + pause
        self._again = self._watch.at(due, lambda: self._nudge_again(pause, due))

    def _nudge_again(self, pause: float, due: float) -> None:
        self._again = None
        if self._answered < self._nudges:
            # Beside C calls that keep the GIL we come late, and each nudge keeps the main thread, which waits for the
            # GIL as well, waiting for one call more.
            late = real.monotonic() - due
            self._nudge(max(min(2 * pause, LONGEST_PAUSE), min(4 * late, LATE_PAUSE)))

    def _pass_on(self, arrived: bytes) -> None:
        """To the loop. Nudges, too: a loop whose wait goes on after a signal, as libuv's does, runs no handler before
        it reads something."""
        with self._lock, suppress(OSError):
            if self._behind >= 0:
                os.write(self._behind, arrived)

    def _answer(self, signum: int, frame: FrameType | None) -> None:
        self._answered = self._nudges
