"""The orders in which requests are served, each an object that a request is put into with its handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content

from .aside import Asides
from .detached import Detached
from .dispatch import Handler, answer
from .job import Job
from .lanes import Lane
from .late_parts import LateParts
from .modes import is_detached, mode_of
from .place import Place
from .request import Request
from .routes import Order
from .service_queue import ServiceQueue
from .shells import Shells

__all__ = ["OrderOfService", "make_orders"]


class OrderOfService(Protocol):
    """One order. Both methods are called in the thread that moves messages and return at once."""

    def put(self, request: Request, handler: Handler) -> None:
        """Have `request` served by `handler`. RequestError when there is no shell that could."""

    def close(self) -> None:
        """End the threads, each once it has served all that was put before. From any thread."""


def make_orders(
    shells: Shells, detached: Detached, parts: LateParts, answered: Callable[[], object]
) -> dict[Order, OrderOfService]:
    """The orders of a kernel. `answered()` is called when a request that is served at once has been answered."""
    return {
        Order.AT_ONCE: _AtOnce(answered),
        # Its requests are rare. Who deletes a subshell counts the threads, as ipykernel's own test does.
        Order.CONTROL: ServiceQueue("control", linger=0.0),
        Order.DEBUG: ServiceQueue("debug requests", before=parts.known.wait),
        Order.IN_ORDER: _InOrder(shells, detached),
        Order.COMM: _Comms(shells, parts),
        Order.ASIDE: _Asides(shells),
    }


class _AtOnce:
    """Answers requests as they arrive."""

    def __init__(self, answered: Callable[[], object]) -> None:
        self._answered = answered

    def put(self, request: Request, handler: Handler) -> None:
        answer(request, handler, Place.APART)
        self._answered()

    def close(self) -> None:
        """Nothing: no thread is its own."""


class _InOrder:
    """Cells: one after another in the lane of their shell."""

    def __init__(self, shells: Shells, detached: Detached) -> None:
        self._shells = shells
        self._detached = detached

    def put(self, request: Request, handler: Handler) -> None:
        lane = self._shells.lane(request.message.header.subshell_id)
        if is_detached(request.message) and not request.message.problem:
            handler = self._detached.take(request, handler)
        mode = mode_of(request.message)
        stops = mode is None and _stops_on_error(request.content)
        lane.put(Job(request, handler, stops=stops, can_abort=True, mode=mode))

    def close(self) -> None:
        """Nothing: the shells end by themselves."""


class _Comms:
    """Comm messages: in the lane of the shell that the comm belongs to, or beside its cells."""

    def __init__(self, shells: Shells, parts: LateParts) -> None:
        self._shells = shells
        self._parts = parts

    def put(self, request: Request, handler: Handler) -> None:
        lane = self._shells.lane(request.message.header.subshell_id)
        self._home(request, lane).put(Job(request, handler, is_early=True))

    def close(self) -> None:
        """Nothing: the shells end by themselves."""

    def _home(self, request: Request, lane: Lane) -> Lane:
        """The lane that serves a comm message, which was sent to `lane`."""
        if self._parts.given is None:
            return lane
        try:
            return self._shells.lane(self._parts.given.comms.home(request))
        except RequestError:  # it was deleted
            return self._shells.main


class _Asides:
    """Questions: beside the cells of their shell."""

    def __init__(self, shells: Shells) -> None:
        self._shells = shells
        self._asides = Asides()

    def put(self, request: Request, handler: Handler) -> None:
        self._asides.put(request, handler, self._shells.lane(request.message.header.subshell_id))

    def close(self) -> None:
        self._asides.close()


def _stops_on_error(content: Content) -> bool:
    """Whether an error aborts the cells behind it. The error of a silent cell, which nobody is shown, does not."""
    return content.get("stop_on_error", True) is not False and content.get("silent") is not True
