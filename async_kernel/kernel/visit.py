"""A visit: a call that another thread has made in the loop of a shell, while no cell keeps that to itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from async_kernel.concurrency.portal import Portal

__all__ = ["visit"]

T = TypeVar("T")


class _Visit(Generic[T]):
    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()  # whoever takes it first: the loop, or who no longer waits
        self._done = threading.Event()
        self._failure: BaseException | None = None
        self._values: list[T] = []

    def run(self) -> None:
        if self._lock.acquire(blocking=False):
            try:
                self._values.append(self._function())
            except BaseException as error:
                self._failure = error
            finally:
                self._done.set()

    def result(self, seconds: float) -> T:
        if not self._done.wait(seconds) and (self._lock.acquire(blocking=False) or not self._done.wait(seconds)):
            raise TimeoutError(f"The shell was busy for {seconds:g} s.")
        if self._failure is not None:
            raise self._failure
        return self._values[0]


def visit(portal: Portal | None, function: Callable[[], T], seconds: float) -> T:
    """What `function()` gives, called in the loop that `portal` leads to. What it raises is raised here.

    TimeoutError when its thread is not free within so many seconds, or the loop is not there; then it is not called
    any more, but may be running.
    """
    guest = _Visit(function)
    if portal is None or portal.thread == threading.get_ident() or not portal.call(guest.run):
        raise TimeoutError("There is no loop to call it in.")
    return guest.result(seconds)
