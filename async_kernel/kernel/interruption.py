"""Interrupts of what the shells work on: from a message, from a signal, at a deadline, at the end of the kernel."""

from __future__ import annotations

import threading
from collections.abc import Callable

from async_kernel.errors import RequestError
from async_kernel.interrupts.target import TELL_SECONDS, Target
from async_kernel.protocol.messages import Message
from async_kernel.system.real import real
from async_kernel.system.service_thread import later

from .clocks import ClientClocks
from .detached import Detached
from .execution import Execution
from .late_parts import LateParts
from .ports import Interrupts
from .request import Request, current_request
from .shells import Shells
from .targets import ShellState, targets

__all__ = ["Interruption"]


class Interruption:
    """All methods but `deadline` may be called from any thread and return at once. Before the parts of the kernel have
    come there is nothing to interrupt."""

    def __init__(self, shells: Shells, detached: Detached, clocks: ClientClocks, parts: LateParts) -> None:
        self._shells = shells
        self._detached = detached
        self._clocks = clocks
        self._parts = parts

    def targets(self, subshell_id: str | None = None, sent: tuple[float, float] | None = None) -> list[Execution]:
        """The targets of one interrupt (see `targets`), in all shells or in one subshell. RequestError when there is
        none of that id."""
        lanes = [self._shells.lane(subshell_id)] if subshell_id else self._shells.lanes()
        benches = [lane.bench for lane in lanes]
        return targets([ShellState(bench.execution, bench.background, bench.idle_since) for bench in benches], sent)

    def _detached_cell(self, detached_id: str) -> list[Execution]:
        (cell,) = self._detached.states(detached_id)
        found = [one for one in self._shells.executions() if one.request.message.header.msg_id == detached_id]
        if not found:
            raise RequestError(f"The detached cell {detached_id!r} does not run: its state is {cell['state']!r}.")
        return found

    def here(self) -> Target | None:
        """The work of the calling context; outside any, the work of the main shell, or a callback that runs in its
        thread."""
        request = current_request()
        for execution in self._shells.executions():
            if request is not None and execution.request.message is request.message:  # it may be a captured one
                return execution
        return self._shells.main.bench.execution or self.callback()

    def callback(self) -> Target | None:
        """The callback or task of a user that the main thread runs now while the main shell has nothing to do."""
        if self._parts.given is None or self._shells.main.bench.execution is not None:
            return None
        return self._parts.given.callback()

    def interrupt(self, message: Message | None = None) -> None:
        """Interrupt the targets of `message`, which may name a subshell in its header, or a detached cell in its
        content. RequestError when there is none of that name, or the cell does not run."""
        subshell_id = None if message is None else message.header.subshell_id
        detached_id = None if message is None else message.content.get("detached_id")
        sent = None if message is None else self._clocks.sent(message.header)
        meant = self._detached_cell(detached_id) if detached_id else self.targets(subshell_id, sent)
        interrupts = self._interrupts
        if interrupts is None:
            return
        delay = 0.0 if sent is None else real.time() - sent[1]
        for execution in meant:
            if delay > TELL_SECONDS:
                execution.report_delay(delay)
            interrupts.interrupt(execution)
        if not (subshell_id or detached_id) and (callback := self.callback()) is not None:
            interrupts.interrupt(callback)

    def interrupt_all(self) -> None:
        """Interrupt all that goes on, in whichever shell."""
        self.interrupt_cells_and(self.callback())

    def interrupt_cells_and(self, callback: Target | None) -> None:
        """Interrupt all cells that run now, and the `callback()` of an earlier moment, if it still runs."""
        if (interrupts := self._interrupts) is not None:
            for execution in self._shells.executions():
                interrupts.interrupt(execution)
            if callback is not None:
                interrupts.interrupt(callback)

    @property
    def _interrupts(self) -> Interrupts | None:
        return None if self._parts.given is None else self._parts.given.interrupts

    def deadline(self, request: Request, seconds: float | None) -> Callable[[], None] | None:
        """Interrupt the work on `request`, and say so in its stderr, when it takes longer. None or 0: no deadline.

        Returns the function that takes the deadline back."""
        if not seconds:
            return None

        def end() -> None:
            for execution in self._shells.executions():
                if execution.request is request and (interrupts := self._interrupts) is not None:
                    request.reason = f"Timeout: this cell was given {seconds} s."
                    request.stream("stderr", f"{request.reason}\n")
                    interrupts.interrupt(execution)

        timer = later(min(seconds, threading.TIMEOUT_MAX), end)
        if timer is None:
            raise RequestError("No thread can be started to end this cell in time.", "End some threads or processes.")
        return timer.cancel
