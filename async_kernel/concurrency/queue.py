"""A queue from any thread into one event loop."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from .portal import Arrival, Portal

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(Generic[T]):
    """Items put in by any thread come out, in order, in the one task that gets them.

    It can be filled before its loop runs, or before a backend is even imported.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._portal: Portal | None = None
        self._arrival: Arrival | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append `item`. Callable from any thread; returns at once."""
        self._items.append(item)
        portal, arrival = self._portal, self._arrival
        if portal is not None and arrival is not None:  # the getter waits, or is about to
            portal.call(arrival.set)  # it alone puts another in place: this thread may be late

    async def get(self, portal: Portal) -> T:
        """The next item; waits for one. To be called by one task only, whose loop `portal` belongs to."""
        self._portal = portal
        arrival: Arrival | None = None
        while True:
            try:
                item = self._items.popleft()
            except IndexError:
                pass
            else:
                self._arrival = None
                return item
            if arrival is None:  # and look again, once it is in its place: nothing is put between the two unseen
                arrival = self._arrival = portal.event()
            else:
                await arrival.wait()
                arrival = self._arrival = None  # another thread may have taken everything first

    def take(self) -> list[T]:
        """Everything that is there, taken out. Callable from any thread."""
        items: list[T] = []
        with suppress(IndexError):  # the getter may be quicker
            while True:
                items.append(self._items.popleft())
        return items
