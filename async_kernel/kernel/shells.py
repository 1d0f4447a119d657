"""The shells of a kernel: the main one, and beside it the subshells (JEP 91)."""

from __future__ import annotations

from functools import partial

from async_kernel.system.real import real

from .comm_line import CommRules
from .execution import Execution
from .lanes import Lane
from .late_parts import LateParts
from .ports import RunLoop, Transport
from .prompts import Prompts
from .request import Request
from .subshells import Subshells

__all__ = ["Shells"]


class Shells:
    """All methods may be called from any thread.

    The requests of their lanes are answered by `transport` and ask by `prompts`; `run_loop` runs the backend in the
    threads of subshells and cells. Subshells are served once the `parts` have come.
    """

    def __init__(self, transport: Transport, prompts: Prompts, run_loop: RunLoop, parts: LateParts) -> None:
        rules = CommRules(
            is_known=lambda request: parts.given is not None and parts.given.comms.is_known(request),
            in_thread=lambda: parts.given is None or parts.given.comms_in_thread,
        )
        self.main = Lane(transport, prompts, run_loop, rules)
        """The lane of the main shell."""
        self.subshells = Subshells(partial(Lane, transport, prompts, run_loop, rules), run_loop, parts.ready)

    def lane(self, subshell_id: str | None) -> Lane:
        """The lane of a subshell, or the main one. UnknownSubshellError when there is none of that id."""
        return self.subshells.lane(subshell_id) if subshell_id else self.main

    def lanes(self) -> list[Lane]:
        """All lanes, the main one first."""
        return [self.main, *self.subshells.lanes()]

    def executions(self) -> list[Execution]:
        """All that goes on: what the shells are working on, the main shell first, then the cells beside them."""
        lanes = self.lanes()
        in_turn = [execution for lane in lanes if (execution := lane.bench.execution) is not None]
        return in_turn + [execution for lane in lanes for execution in lane.bench.background]

    @property
    def runs_cell(self) -> bool:
        """Whether a cell runs in its turn, in any shell."""
        running = [execution for lane in self.lanes() if (execution := lane.bench.execution) is not None]
        return any(execution.request.msg_type == "execute_request" for execution in running)

    @property
    def is_busy(self) -> bool:
        """Whether anything is being served, in a lane or beside one."""
        return any(lane.bench.is_busy for lane in self.lanes())

    @property
    def idle_since(self) -> float:
        """When the last lane that ended something did so, by `time.time()`."""
        return max(lane.bench.idle_since for lane in self.lanes())

    def take(self) -> list[Request]:
        """The requests that nobody will serve, taken out of the queues."""
        return [request for lane in self.lanes() for request in lane.take()]

    def end(self) -> list[Request]:
        """End all shells, each after its present request; return the requests that are left."""
        return self.main.end() + self.subshells.end()

    def settle(self, seconds: float) -> None:
        """Wait, for up to so many `seconds`, until what runs in threads of its own has ended and said so."""
        end = real.monotonic() + seconds
        for lane in self.lanes():
            lane.bench.rests(end - real.monotonic())
