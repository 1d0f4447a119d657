"""The guardian: a small process that ends a kernel and its children when the kernel cannot.

While C code holds the GIL no Python code of the kernel's process runs: the end of its parent goes unnoticed, and so
does a signal that asks for the end. A kernel that dies of a signal leaves its children behind. The guardian waits for
the end of both processes, and for signals that the kernel does not take in, which costs nothing.

It is forked before the kernel has threads, so it shares the kernel's memory and starts in a millisecond. It is forked
before IPython is imported: each page of the memory that both have is copied when the kernel writes to it. It has a
session of its own and is nobody's child, so that no signal for the kernel's group, no `os.wait()` and no list of
children meets it. It holds no descriptor but its own: no log, no pipe and no socket stays open because of it.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple, NoReturn

from .end_signals import END_SIGNALS
from .files import OwnFile
from .real import real

__all__ = ["Guardian", "guard_ahead", "start_guardian"]

GRACE = 1.5
"""Seconds that a kernel has to end when its parent has: no Python code of it may run, as C code holds the GIL."""

SIGNAL_GRACE = 3.0
"""Seconds that it has to take in a signal that asks for its end. It has as many to end in good order when it has."""

CHILDREN_GRACE = 0.1
"""Seconds that the children of a kernel have which was ended by force, between SIGTERM and SIGKILL."""

LEFT_GRACE = 1.0
"""The same for those of a kernel that has died: resource trackers are among them, which clean up."""

PAUSE = 0.05
"""Seconds between two looks whether the kernel has read a signal that has arrived."""

DISMISSED, END = b"dismissed", b"\0"
"""The words that it may be told, beside files, and the byte that ends each: no path has it."""

NAME = b"kernel guardian"
"""How `ps -o comm` and `top` show it; Linux takes 15 characters."""


class Guardian:
    """The guardian of this process, as seen from here."""

    def __init__(self, forked: int, descriptor: int, signals: tuple[socket.socket, socket.socket]) -> None:
        self.signals = signals
        """The descriptors from which the numbers of signals are read and to which they are written, as by a
        `SignalRelay`: the guardian looks whether they are."""
        self._forked = forked
        self._descriptor = descriptor
        self._identity = os.fstat(descriptor)

    def wait_started(self) -> None:
        """Wait until it is nobody's child. To be called before any cell runs, which may wait for children of its own.
        There is much else to do at the start while it forks."""
        if sys.platform != "win32":
            with suppress(ChildProcessError):
                real.waitpid(self._forked, 0)

    def remember(self, file: OwnFile) -> None:
        """Have it remove `file` if this process cannot."""
        self._say(file.to_bytes())

    def dismiss(self) -> None:
        """Say that this process ends in good order: processes that still run then stay."""
        self._say(DISMISSED)

    def _say(self, words: bytes) -> None:
        with suppress(OSError):
            if os.path.samestat(os.fstat(self._descriptor), self._identity):  # a cell may have closed it
                os.write(self._descriptor, words + END)


def start_guardian(parent: int | None) -> Guardian | None:
    """Start the guardian of this process: when `parent` has ended, this process has GRACE seconds to end, too. It has
    SIGNAL_GRACE seconds to take in a signal that asks for its end. One that was started ahead is
    taken instead.

    None where there is nothing to guard, since this process has no parent and does not lead a session, or since the
    first process of a PID namespace is its parent, with which all others end. None on Windows, and where no process can
    be started. To be called in the main thread, before there are others.
    """
    return _ahead.pop() if _ahead else _fork_guardian(parent)


def guard_ahead(parent: int | None) -> Guardian | None:
    """Start it for the `start_guardian` to come, which is to have the same parent."""
    guardian = _fork_guardian(parent)
    if guardian is not None:
        _ahead.append(guardian)
    return guardian


_ahead: list[Guardian] = []


def _fork_guardian(parent: int | None) -> Guardian | None:
    if sys.platform != "win32":
        kernel = Kernel(real.getpid(), own_number(), parent, real.getsid(0) == real.getpid())
        if 1 in (kernel.pid, real.getppid()) or (parent is None and not kernel.leads):
            return None
        try:
            signals = socket.socketpair()
            reader, writer = os.pipe()
        except OSError:
            return None
        try:
            child = os.fork()
            if child == 0:
                _leave_and_guard(kernel, reader, signals[0])
        except OSError:
            os.close(writer)
            return None
        finally:
            os.close(reader)
        return Guardian(child, writer, signals)
    return None


if sys.platform != "win32":
    from .children import end_processes
    from .processes import Process, family, is_still, list_processes, own_number

    class Kernel(NamedTuple):
        """The process that is guarded: its id, its id in the list of processes, its parent, and whether it leads its
        session."""

        pid: int
        number: int
        parent: int | None
        leads: bool

    class Ends:
        """The ends of processes, waited for without taking any time. OSError where the system cannot do that."""

        def __init__(self, pids: Iterable[int]) -> None:
            self._open = dict.fromkeys(pids, -1)
            if sys.platform == "linux":
                self._open = {pid: real.pidfd_open(pid) for pid in self._open}
            else:
                self._queue = select.kqueue()
                for pid in self._open:
                    event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
                    self._queue.control([event], 0)

        def wait(self, seconds: float | None = None, signals: socket.socket | None = None) -> set[int]:
            """Wait until one has ended that had not, or for so many seconds, or until `signals` has something to read;
            those that have ended now."""
            if sys.platform == "linux":
                poll = select.poll()
                for descriptor in self._open.values():
                    poll.register(descriptor, select.POLLIN)
                if signals is not None:
                    poll.register(signals, select.POLLIN)
                ready = {descriptor for descriptor, _ in poll.poll(None if seconds is None else seconds * 1000)}
                ended = {pid for pid, descriptor in self._open.items() if descriptor in ready}
            else:
                if signals is not None:
                    select.select([self._queue.fileno(), signals.fileno()], [], [], seconds)
                    seconds = 0
                ended = {event.ident for event in self._queue.control(None, len(self._open), seconds)}
            for pid in ended:
                del self._open[pid]
            return ended

    def _leave_and_guard(kernel: Kernel, reader: int, signals: socket.socket) -> NoReturn:
        """Be the forked process: fork once more, so that the one which stays is nobody's child, and guard there."""
        try:
            if os.fork() == 0:
                _let_go(reader, signals.fileno())
                _guard(kernel, reader, signals)
        finally:
            os._exit(0)

    def _let_go(*kept: int) -> None:
        """Give up all that was inherited and that somebody may wait for, but for the descriptors `kept`."""
        os.setsid()
        os.chdir("/")
        for name in real.listdir("/dev/fd"):
            if int(name) not in (0, 1, 2, *kept):
                with suppress(OSError):  # the one by which this list was read
                    os.close(int(name))
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with suppress(OSError):
            comm = os.open("/proc/self/comm", os.O_WRONLY)
            os.write(comm, NAME)
            os.close(comm)

    def _guard(kernel: Kernel, reader: int, signals: socket.socket) -> None:
        ends = Ends([kernel.pid] if kernel.parent is None else [kernel.pid, kernel.parent])
        ended = _wait(ends, signals)
        if ended and kernel.pid not in ended:
            ended = ends.wait(GRACE)
        if kernel.pid not in ended:
            left = _find(kernel)
            os.kill(kernel.pid, signal.SIGKILL)
            _remove_files(reader)
            end_processes(lambda: frozenset(filter(is_still, left)) | _find(kernel), CHILDREN_GRACE)
        elif not _remove_files(reader) and kernel.leads:
            end_processes(lambda: _find(kernel), LEFT_GRACE)

    def _wait(ends: Ends, signals: socket.socket) -> set[int]:
        """Wait until a process has ended. None has when a signal that asks for the end has not been read for so long:
        the kernel reads them at once, unless C code holds the GIL."""
        asked = math.inf
        watched: socket.socket | None = signals
        while True:
            arrived = b""
            if watched is not None:
                try:
                    arrived = signals.recv(1 << 12, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                    if not arrived:  # the kernel has closed its end
                        watched = None
                except BlockingIOError:
                    pass
            asked = math.inf if END_SIGNALS.isdisjoint(arrived) else min(asked, real.monotonic())
            if real.monotonic() - asked >= SIGNAL_GRACE:
                return set()
            ended = ends.wait(PAUSE) if arrived else ends.wait(None, watched)
            if ended:
                return ended

    def _remove_files(reader: int) -> bool:
        """Remove the files that the kernel has named, unless it has dismissed us; whether it has.

        A child that it has forked may hold the other end of the pipe still open, so the end of it may not come.
        """
        os.set_blocking(reader, False)
        told = b""
        with suppress(BlockingIOError):
            while part := os.read(reader, 1 << 16):
                told += part
        words = told.split(END)[:-1]
        if DISMISSED in words:
            return True
        for word in words:
            OwnFile.from_bytes(word).remove()
        return False

    def _find(kernel: Kernel) -> frozenset[Process]:
        """The kernel's children and theirs, its session if it leads one: that is there when the kernel has gone."""
        processes = list_processes()
        if kernel.leads:
            return frozenset(one for one in processes if one.session == kernel.number != one.pid)
        found = family(kernel.number, processes)
        return frozenset(one for one in processes if one.pid in found)
