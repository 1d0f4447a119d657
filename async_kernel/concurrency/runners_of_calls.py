"""Where a call enters other people's code, and where a thread waits for it.

An interrupt looks outwards from where its thread stands. Frames of this package protect what they are in the midst of,
but for those of the modules called `runners…` (`system.user_code.may_raise`): user code runs below them, or a wait of
the standard library that may be ended. So the functions of this module do nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ParamSpec, TypeVar

__all__ = ["run", "run_awaitable", "run_later"]

P = ParamSpec("P")
T = TypeVar("T")


def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)`. KeyboardInterrupt may be raised in it."""
    return function(*args, **kwargs)


async def run_awaitable(awaitable: Awaitable[T]) -> T:
    """What `awaitable` gives. KeyboardInterrupt may be raised in it."""
    return await awaitable


async def run_later(due: float, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """`function(*args, **kwargs)`, awaited if it gives a coroutine, once `time.monotonic()` is `due`."""
    import anyio

    await anyio.sleep(max(0.0, due - time.monotonic()))
    result = function(*args, **kwargs)
    return await result if isinstance(result, Coroutine) else result
