"""Callbacks that belong to the context in which they were made."""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from async_kernel.stacks import runs_callbacks

__all__ = ["carry"]

P = ParamSpec("P")
T = TypeVar("T")


def carry(callback: Callable[P, T]) -> Callable[P, T]:
    """`callback`, bound to the calling context (`contextvars`): it prints into the cell that carried it.

    Each call runs in a copy of that context, so calls may nest and leave no trace in it.

    >>> button.clicked.connect(carry(lambda: print("clicked")))  # doctest: +SKIP
    """
    context = contextvars.copy_context()

    @runs_callbacks
    @wraps(callback)
    def carried(*args: P.args, **kwargs: P.kwargs) -> T:
        return context.copy().run(callback, *args, **kwargs)

    return carried
