"""A loop in a greenlet, as the synchronous API of playwright runs one: it waits in the midst of its run while the code
that called goes on, and runs on at the next call.

So it is no loop within the loop that could be set aside until the inner one has ended. The outer loop is set aside for
each call into the greenlet, and runs in the thread between two calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import wraps
from types import FunctionType
from typing import Any

from .nested import entered, has_set_aside, leave_inner, set_aside

__all__ = ["all_into_fiber", "into_fiber"]


class _Fiber:
    """The loop in the greenlet, as the target of an interrupt: its wait ends, and it lives on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # it was closed meanwhile
            return False
        return True

    def end_wait(self) -> None:
        """Have KeyboardInterrupt come out of the loop, as at Ctrl-C. playwright raises it in the code that called."""
        self._loop.call_soon(_interrupt)


def _interrupt() -> None:
    raise KeyboardInterrupt


def into_fiber(loop_of: Callable[[Any], asyncio.AbstractEventLoop | None]) -> Callable[[Any], Any]:
    """Wraps a method or a property that may switch to the greenlet, or needs its loop to be the running one.
    `loop_of(self)` is that loop; None before there is one."""

    def wrap(function: Any) -> Any:
        if isinstance(function, property):
            return property(wrap(function.fget), function.fset, function.fdel, function.__doc__)

        @wraps(function)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            loop = loop_of(self)
            if loop is not None and asyncio._get_running_loop() is loop:  # in a call, or in a callback of that loop
                return function(self, *args, **kwargs)
            with set_aside():
                if not has_set_aside():  # no loop runs in this thread
                    return function(self, *args, **kwargs)
                with leave_inner(threading.get_ident()):
                    try:
                        if loop is None:
                            return function(self, *args, **kwargs)
                        asyncio._set_running_loop(loop)
                        with entered(_Fiber(loop)):
                            return function(self, *args, **kwargs)
                    finally:
                        asyncio._set_running_loop(None)

        return call

    return wrap


def all_into_fiber(init_subclass: Any) -> Any:
    """`__init_subclass__` of a class whose subclasses have nothing but such methods and properties, and the loop in
    `_loop`."""
    wrap = into_fiber(lambda api: api._loop)

    def wrap_all(kind: type, /, **options: Any) -> None:
        for name, value in list(vars(kind).items()):
            if isinstance(value, FunctionType | property) and not name.startswith("__"):
                setattr(kind, name, wrap(value))

    return classmethod(wrap_all)
