"""A queue from any thread into one event loop."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    import anyio

    from .portal import Portal

__all__ = ["Queue"]

T = TypeVar("T")


class Queue(Generic[T]):
    """Items put in by any thread come out, in order, in the one task that gets them.

    It can be filled before its loop runs, or before a backend is even imported.
    """

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._portal: Portal | None = None
        self._arrival: anyio.Event | None = None

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> None:
        """Append `item`. Callable from any thread; returns at once."""
        self._items.append(item)
        portal, arrival = self._portal, self._arrival
        if portal is not None and arrival is not None:  # the getter waits, or is about to
            self._arrival = None
            portal.call(arrival.set)

    async def get(self, portal: Portal) -> T:
        """The next item; waits for one. To be called by one task only, whose loop `portal` belongs to."""
        import anyio

        self._portal = portal
        while not self._items:
            arrival = self._arrival = anyio.Event()
            if self._items:  # put between the two looks: nobody has seen the event
                break
            await arrival.wait()
        self._arrival = None
        return self._items.popleft()

    def take(self) -> list[T]:
        """Everything that is there, taken out."""
        items = []
        while self._items:
            items.append(self._items.popleft())
        return items
