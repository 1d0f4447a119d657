"""Where a call enters other people's code, and where a thread waits for it.

An interrupt looks outwards from where its thread stands. Functions of this package protect what they are in the midst
of, unless a mark says that user code runs below, or a wait of the standard library that may be ended (`stacks`). The
functions of this module have such a mark, and do nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, ParamSpec, TypeVar

from async_kernel.stacks import runs_user_calls

__all__ = ["run", "run_awaitable", "run_later"]

P = ParamSpec("P")
T = TypeVar("T")


@runs_user_calls
def run(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """`function(*args, **kwargs)`. KeyboardInterrupt may be raised in it."""
    return function(*args, **kwargs)


@runs_user_calls
async def run_awaitable(awaitable: Awaitable[T]) -> T:
    """The result of `awaitable`. KeyboardInterrupt may be raised in it."""
    return await awaitable


@runs_user_calls
async def run_later(due: float, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """`function(*args, **kwargs)`, awaited if it gives a coroutine, once `time.monotonic()` is `due`."""
    import anyio

    await anyio.sleep(max(0.0, due - time.monotonic()))
    result = function(*args, **kwargs)
    return await result if isinstance(result, Coroutine) else result
