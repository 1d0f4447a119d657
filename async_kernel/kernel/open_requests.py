"""The requests of a lane that were said to be busy and not yet to be idle, and the wait for the last of them."""

from __future__ import annotations

import threading

from .request import Request

__all__ = ["OpenRequests"]


class OpenRequests:
    """All methods may be called from any thread."""

    def __init__(self) -> None:
        self._requests: set[Request] = set()
        self._changed = threading.Condition()
        self._is_waited_for = False  # hardly ever: then the others need no lock

    def add(self, request: Request) -> None:
        """Note that `request` is said to be busy."""
        self._requests.add(request)

    def discard(self, request: Request) -> None:
        """Note that `request` was said to be idle, or that nobody waits for that any more."""
        self._requests.discard(request)
        if self._is_waited_for:
            with self._changed:
                self._changed.notify_all()

    def wait_for_none(self, seconds: float) -> bool:
        """Wait, for up to so many `seconds`, until there are none; return whether there are none."""
        with self._changed:
            self._is_waited_for = True
            return self._changed.wait_for(lambda: not self._requests, seconds)
