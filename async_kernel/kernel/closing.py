"""Whether a kernel is to end, and when: at once, after the answer to a request, or once it is quiet."""

from __future__ import annotations

from collections.abc import Callable

from async_kernel.system.real import real
from async_kernel.system.service_thread import ServiceThread

from .shells import Shells

__all__ = ["QUIET_SECONDS", "Closing"]

QUIET_SECONDS = 1.0
"""How long no cell has run when a kernel ends at the wish of a cell. Consoles end it themselves in this time, and a
batch run sends its next cell."""


class Closing:
    """All methods may be called from any thread and return at once. `shut_down()` ends the kernel."""

    def __init__(self, shells: Shells, shut_down: Callable[[], None]) -> None:
        self._shells = shells
        self._shut_down = shut_down
        self.begun = False
        """Whether the kernel has been told to end."""
        self.restart = False
        """Whether another kernel is to take its place."""
        self._first = real.lock()  # taken for good
        self._leaves = False

    def begin(self) -> bool:
        """The kernel ends now. False when it does already. Takes no lock that code of the caller may hold."""
        self.begun = True
        return self._first.acquire(blocking=False)

    def plan(self, restart: bool) -> None:
        """The kernel ends once the request that is being served has been answered."""
        self.restart = restart
        self.begun = True

    def when_quiet(self, restart: bool) -> None:
        """End the kernel, as a cell asks for, once no cell has run for QUIET_SECONDS."""
        self.restart = restart
        if not self._leaves:
            ServiceThread("exit", self._wait_and_end).start()
            self._leaves = True

    def _wait_and_end(self) -> None:
        pause = QUIET_SECONDS
        while pause > 0:
            real.sleep(min(pause, QUIET_SECONDS))  # somebody may set the clock
            pause = self._shells.idle_since + QUIET_SECONDS - real.time()
            if self._shells.is_busy:
                pause = QUIET_SECONDS
        self._shut_down()
