"""Subshells (JEP 91): further shells of one kernel, each with a lane and a thread of its own, one namespace for all."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from functools import partial

from async_kernel.concurrency.portal import current_portal
from async_kernel.errors import RequestError, UnknownSubshellError

from .dispatch import refuse
from .lanes import Lane
from .ports import RunLoop
from .request import Request

__all__ = ["Subshells"]

log = logging.getLogger(__name__)

END_SECONDS = 1.0
"""How long a deletion waits for the threads of its subshell. What cells have left in threads of the loop keeps it."""


class Subshells:
    """The subshells of a kernel.

    `new_lane(serve)` makes a lane, which calls `serve(lane)` to be served in another thread; `run_loop` runs the
    backend in a thread, `ready` is set once there is an interpreter.
    """

    def __init__(
        self, new_lane: Callable[[Callable[[Lane], None]], Lane], run_loop: RunLoop, ready: threading.Event
    ) -> None:
        self._new_lane = new_lane
        self._run_loop = run_loop
        self._ready = ready
        self._lanes: dict[str, Lane] = {}
        self._threads: dict[str, threading.Thread] = {}  # that serve them now
        self._deleted: tuple[Lane, ...] = ()  # those that may still be at work
        self._closing = False

    def create(self) -> str:
        """Start a subshell and return its id, for example "5f2c…"."""
        subshell_id = os.urandom(8).hex()
        serve = partial(self._serve, subshell_id)
        lane = self._new_lane(serve)
        serve(lane)
        self._lanes[subshell_id] = lane
        return subshell_id

    def _serve(self, subshell_id: str, lane: Lane) -> None:
        """Serve a lane in a thread of its own."""

        async def serve() -> None:
            await lane.serve(current_portal(owned=True), lambda: self._closing)

        def run() -> None:
            self._ready.wait()
            try:
                self._run_loop(serve)
            except BaseException as error:  # of what cells have left in the loop
                if self._threads.get(subshell_id) is threading.current_thread() and not self._closing:
                    log.critical("the subshell %s has ended", subshell_id, exc_info=error)
                    self._give_up(subshell_id, lane, error)

        thread = self._threads[subshell_id] = threading.Thread(target=run, name=f"subshell {subshell_id}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            self._give_up(subshell_id, lane, error)
            raise RequestError(
                "No thread can be started for a subshell.", "End some threads or processes, or delete a subshell."
            ) from None

    def _give_up(self, subshell_id: str, lane: Lane, error: BaseException) -> None:
        """End a subshell whose loop has failed, or that has no thread."""
        self._lanes.pop(subshell_id, None)
        self._threads.pop(subshell_id, None)
        for left in lane.end():
            refuse(left, RequestError(f"The subshell of this request has ended with {type(error).__name__}: {error}"))

    def delete(self, subshell_id: str) -> list[Request]:
        """End a subshell once it has served what it is on; return what it will not serve. If it is on nothing, its
        threads have ended when this returns. UnknownSubshellError when there is none of that id."""
        lane = self.lane(subshell_id)
        thread = self._threads.get(subshell_id)
        left = lane.end()
        self._deleted = (*(one for one in self._deleted if one.bench.is_busy or not one.bench.rests()), lane)
        self._lanes.pop(subshell_id, None)
        self._threads.pop(subshell_id, None)
        if thread is not None and self._ready.is_set() and not lane.bench.is_busy and lane.bench.rests(END_SECONDS):
            thread.join(END_SECONDS)
            lane.join(END_SECONDS)
        return left

    def lane(self, subshell_id: str) -> Lane:
        """The lane of a subshell. UnknownSubshellError when there is none."""
        try:
            return self._lanes[subshell_id]
        except KeyError:
            raise UnknownSubshellError(subshell_id) from None

    def ids(self) -> list[str]:
        """The ids of all subshells, oldest first."""
        return list(self._lanes)

    def lanes(self) -> list[Lane]:
        """The lanes of all subshells, and of deleted ones whose last cell may still run."""
        return [*self._lanes.values(), *self._deleted]

    def end(self) -> list[Request]:
        """End them all, each after what it is on; return what they will not serve."""
        self._closing = True
        return [request for lane in self.lanes() for request in lane.end()]
