"""The log of refused messages: a line now and then, however many come.

Each peer can send as many as it likes, with the key or without it, so a line for each would fill the disk of whoever
keeps the log.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["PAUSE_SECONDS", "Refusals"]

PAUSE_SECONDS = 30.0
"""Between two lines."""


class Refusals:
    """Counts refused messages. `say(text)` gets a line for the first, and then one each `PAUSE_SECONDS` at most, by the
    clock `now()`. All methods are for one thread at a time."""

    def __init__(self, say: Callable[[str], object], now: Callable[[], float]) -> None:
        self._say = say
        self._now = now
        self._next = float("-inf")
        self._unsaid = 0
        self._latest = ""
        self.count = 0
        """All of them."""

    def add(self, channel: str, error: Exception) -> None:
        """Count a message that came on `channel`, and say why it was refused unless a line was said just now."""
        self.count += 1
        self._unsaid += 1
        self._latest = f"dropped a message on {channel}: {error}"
        now = self._now()
        if now >= self._next:
            self._next = now + PAUSE_SECONDS
            self.tell()

    def tell(self) -> None:
        """Report the refusals that were not reported yet, if any."""
        if self._unsaid:
            others = self._unsaid - 1
            more = f" ({others} more since the line before, {self.count} in all)" if others else ""
            self._unsaid = 0
            self._say(self._latest + more)
