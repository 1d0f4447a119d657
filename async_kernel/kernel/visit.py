"""A visit: a call that another thread has made in the loop of a shell, while no cell keeps that to itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import wait
from typing import TypeVar

from async_kernel.concurrency.pending import Pending
from async_kernel.concurrency.portal import Portal

__all__ = ["visit"]

T = TypeVar("T")


def visit(portal: Portal | None, function: Callable[[], T], seconds: float) -> T:
    """The result of `function()`, called in the loop that `portal` leads to. An exception of it is raised here.

    TimeoutError when its thread is not free within so many seconds, or the loop is not there; then it is not called
    any more, but may be running.
    """
    call: Pending[T] = Pending()

    def run() -> None:
        if call.begin():  # else the visitor waits no longer
            try:
                call.set_result(function())
            except BaseException as error:
                call.set_exception(error)

    if portal is None or portal.thread == threading.get_ident() or not portal.call(run):
        raise TimeoutError("There is no loop to call it in.")
    if not wait([call], seconds).done and (call.cancel() or not wait([call], seconds).done):
        raise TimeoutError(f"The shell was busy for {seconds:g} s.")
    return call.result()
