"""A job: a request with its handler, on the way to the thread that serves it.

A job may be offered in several places at once: to the loop of its shell, in the job's turn or beside a cell, and to a
thread apart. The first to take it serves it, and nobody else does. A comm message is offered in all three places, a
question (an aside) to the loop and to the service thread, a cell in its turn alone.

    state      since                                        leads to
    WAITING    it was queued or offered                     TAKEN, WITHDRAWN
    TAKEN      `take(place)`: it is being served there      DONE
    DONE       `done()`: it was served, or its thread left  -
    WITHDRAWN  `withdraw()`: it was aborted or refused      -
"""

from __future__ import annotations

import threading
import time
from enum import Enum, auto

from .dispatch import Handler
from .execution import Execution
from .modes import Mode
from .place import Place
from .request import Request

__all__ = ["Job", "State"]


class State(Enum):
    """See the module."""

    WAITING = auto()
    TAKEN = auto()
    DONE = auto()
    WITHDRAWN = auto()


class Job:
    """An error of a job that `stops` aborts the jobs behind it that `can_abort`. With a `mode` it runs in the
    background once it is its turn. One that `is_early` may be served before its turn.

    All methods may be called from any thread.
    """

    __slots__ = (
        "_lock",
        "arrived",
        "can_abort",
        "execution",
        "handler",
        "is_early",
        "mode",
        "number",
        "place",
        "request",
        "state",
        "stops",
    )

    def __init__(
        self,
        request: Request,
        handler: Handler,
        *,
        stops: bool = False,
        can_abort: bool = False,
        mode: Mode | None = None,
        is_early: bool = False,
    ) -> None:
        self.request = request
        self.handler = handler
        self.number = 0
        """Counts the arrivals in its lane."""
        self.stops = stops
        self.can_abort = can_abort
        self.mode = mode
        self.is_early = is_early
        self.arrived = time.monotonic()
        self.state = State.WAITING
        self.place: Place | None = None
        """Where it was taken."""
        self.execution: Execution | None = None
        """What serves it, once it is being served in a lane."""
        self._lock = threading.Lock()

    def take(self, place: Place) -> bool:
        """Whether the caller is the first, and is to serve it at `place`."""
        return self._go_on(State.TAKEN, place)

    def withdraw(self) -> bool:
        """Whether it waits until now, and will not be served."""
        return self._go_on(State.WITHDRAWN, None)

    def done(self) -> None:
        """It was served, or its thread was left to itself."""
        self.state = State.DONE

    def _go_on(self, state: State, place: Place | None) -> bool:
        with self._lock:
            if self.state is not State.WAITING:
                return False
            self.state, self.place = state, place
            return True
