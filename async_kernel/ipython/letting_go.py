"""Letting go of a namespace at the end, so that each `__del__` finds its globals, as at the end of a script."""

from __future__ import annotations

import gc
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.displayhook import DisplayHook

__all__ = ["forget_results", "let_go"]

_NEEDED = (BuiltinFunctionType, FunctionType, ModuleType, type, str, bytes, int, float, complex, type(None))
"""Types of values that others use, and that have no `__del__` of their own."""


def forget_results(hook: DisplayHook, namespace: dict[str, Any]) -> None:
    """Let go of the results that IPython keeps: `Out`, and the last three. The names that they have stay.

    As its own `flush` does, which looks through all objects besides: that is done once, when the names are gone.
    """
    results = namespace.get("_oh")
    if results is not None:
        results.clear()
    hook._ = hook.__ = hook.___ = ""


def let_go(namespace: dict[str, object], module: str) -> None:
    """Take all names out of `namespace`, which is that of `module`, but for its name and its builtins.

    A `__del__` that knows these names is one of a class of the module. So the instances of such classes go first, then
    other objects, and modules, functions, classes and plain values last. Of each kind the latest goes first.

    >>> names = {"__name__": "m", "mine": [1]}
    >>> let_go(names, "m")
    >>> names
    {'__name__': 'm'}
    """

    def rank(name: str) -> int:
        value = namespace[name]
        if issubclass(type(value), _NEEDED):  # `isinstance` would ask a `__class__` of the user's
            return 2
        return 0 if type(value).__module__ == module else 1

    kept = {"__name__", "__builtin__", "__builtins__"}
    names = sorted((name for name in reversed(namespace) if name not in kept), key=rank)
    needed = [name for name in names if rank(name) == 2]
    for name in names[: len(names) - len(needed)]:
        namespace.pop(name, None)
    gc.collect()  # objects that hold each other have their turn before their globals go, too
    for name in needed:
        namespace.pop(name, None)
