"""The watch: one thread for all that a process waits for beside its work, which are moments and descriptors.

Deeds are done one after another in the thread, so each has to return soon: it waits neither for a lock that cells may
hold nor for another thread.
"""

from __future__ import annotations

import logging
import math
import queue
import selectors
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from .real import real
from .service_thread import ServiceThread

__all__ = ["Planned", "Watch"]

log = logging.getLogger(__name__)

Deed = Callable[[], object]

LONGEST = 1e6
"""As good as for ever, in seconds."""


class Planned:
    """A deed that is due at a `moment`, by `real.monotonic()`, unless it is cancelled before."""

    def __init__(self, moment: float, deed: Deed) -> None:
        self.moment = moment
        self.deed: Deed | None = deed

    def do(self) -> None:
        """Do the deed, unless it was cancelled."""
        if self.deed is not None:
            self.deed()

    def cancel(self) -> None:
        """Have it not done any more. In the thread of the watch this is certain."""
        self.deed = None


class Watch:
    """Does deeds in its thread, from `start` on. All methods return at once, in any thread.

    Descriptors are watched on POSIX systems alone.
    """

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Deed] = queue.SimpleQueue()
        self._planned: list[Planned] = []  # used by the thread alone
        self._readable: dict[int, Deed] = {}
        # A selector without an object in the system (epoll), which a forked child would share.
        self._selector = getattr(selectors, "PollSelector", selectors.SelectSelector)()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._turn = threading.RLock()  # held while a deed is done
        self._thread = ServiceThread("watch", self._run)
        self.on(self._reader.fileno(), self._drain)

    def start(self) -> None:
        """Start the thread. NoThreadError when none is to be had."""
        self._thread.start()

    def call(self, deed: Deed) -> None:
        """Do `deed` as soon as can be. Takes no lock: a signal handler may call it."""
        self._asked.put(deed)
        self._wake()

    def at(self, moment: float, deed: Deed) -> Planned:
        """Do `deed` at this moment, by `real.monotonic()`."""
        planned = Planned(moment, deed)
        self.call(partial(self._planned.append, planned))
        return planned

    def on(self, descriptor: int, deed: Deed) -> None:
        """Do `deed` whenever `descriptor` is readable, until `forget`; a deed that raises is forgotten."""
        self._readable[descriptor] = deed
        self._selector.register(descriptor, selectors.EVENT_READ)
        self._wake()

    def forget(self, descriptor: int) -> None:
        """Watch a descriptor no longer, before it is closed. No deed is under way when this returns."""
        with self._turn:
            if self._readable.pop(descriptor, None) is not None:
                self._selector.unregister(descriptor)
        self._wake()

    def _wake(self) -> None:
        if threading.get_ident() != self._thread.ident:
            with suppress(OSError):  # it is being woken already
                self._writer.send(b"!")

    # The thread

    def _run(self) -> None:
        # CPython 3.11 spins, holding the GIL, in a traced thread that calls a function while a signal waits for the
        # main one, until another thread wants the GIL: on uvloop none does before the relay has passed on the signal.
        sys.settrace(None)
        sys.setprofile(None)
        while True:
            for key, _ in self._selector.select(self._pause()):
                self._do(partial(self._read, key.fd))
            now = real.monotonic()
            for planned in [one for one in self._planned if one.moment <= now]:
                self._planned.remove(planned)
                self._do(planned.do)
            with suppress(queue.Empty):  # last: deeds ask for more
                while True:
                    self._do(self._asked.get_nowait())

    def _pause(self) -> float:
        self._planned[:] = [one for one in self._planned if one.deed is not None]
        due = min((one.moment for one in self._planned), default=math.inf)
        return min(max(due - real.monotonic(), 0.0), LONGEST)

    def _read(self, descriptor: int) -> None:
        deed = self._readable.get(descriptor)  # it may have been forgotten meanwhile
        if deed is None:
            return
        try:
            deed()
        except BaseException:
            self.forget(descriptor)
            raise

    def _do(self, deed: Deed) -> None:
        try:
            with self._turn:
                deed()
        except BaseException:  # the next one is done all the same
            with suppress(BaseException):
                log.exception("a deed of the watch has failed")

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
