"""The parts of a kernel that come late: requests are taken in before the interpreter has been imported."""

from __future__ import annotations

import threading

from async_kernel.errors import RequestError

from .ports import Parts

__all__ = ["LateParts"]


class LateParts:
    """The parts, once they are there. All methods may be called from any thread.

    `ready` is set when they have come; `failure` is the reason why they never will; `known` is set in both cases.
    """

    def __init__(self) -> None:
        self.ready = threading.Event()
        self.known = threading.Event()
        self.given: Parts | None = None
        self.failure: BaseException | None = None
        self.banner: str | None = None
        """The banner of the interpreter."""

    def give(self, parts: Parts) -> None:
        """Here they are."""
        self.given = parts
        self.banner = parts.interpreter.banner
        self.ready.set()
        self.known.set()

    def fail(self, error: BaseException) -> None:
        """They will never come, because of `error`."""
        self.failure = error
        self.known.set()

    def get(self) -> Parts:
        """The parts. RequestError before there are any."""
        if self.given is None:
            raise RequestError(str(self.failure or "The kernel is still starting."))
        return self.given

    def make_event(self) -> threading.Event:
        """An event to wait for an answer of the client with: see `Parts.make_event`."""
        return threading.Event() if self.given is None else self.given.make_event()
