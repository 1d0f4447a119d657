"""Frames for tests of `async_kernel.stacks`: functions that seem to be of other modules."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

__all__ = ["function_in", "nested"]

_numbers = itertools.count()


def function_in(module: str) -> Callable[[Callable[[], Any]], Any]:
    """A function `call(function)` of a module of that name: its frame is one of that module."""
    namespace: dict[str, Any] = {"__name__": module}
    name = f"call_{next(_numbers)}"
    exec(f"def {name}(function):\n    return function()", namespace)
    call: Callable[[Callable[[], Any]], Any] = namespace[name]
    return call


def nested(call: Callable[[Callable[[], Any]], Any], function: Callable[[], Any]) -> Callable[[], Any]:
    """`lambda: call(function)`, without a frame of its own: what `partial` does is C."""
    return partial(call, function)
