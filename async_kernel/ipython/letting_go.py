"""Letting go of a namespace at the end, so that each `__del__` finds its globals, as at the end of a script."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
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


class _Witness:
    """Lives for as long as the namespace that it is in."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace


_WITNESS = "__witness_of_async_kernel__"


def let_go(namespace: dict[str, Any], module: str, give_up: Callable[[], object]) -> None:
    """Let go of `namespace`, which is that of `module`: `give_up()` takes all references away that the caller has.

    A `__del__` that knows its names is one of a class of the module. So the instances of such classes go first, then
    other objects, of each kind the latest first. Modules, functions, classes and plain values stay for those that hold
    each other: when nobody has the namespace any more, the collector calls each `__del__` of what is left of it before
    it takes anything away. Where somebody has, a function of a cell for one, they go last.

    >>> names = {"__name__": "m", "mine": [1]}
    >>> let_go(names, "m", lambda: None)
    >>> names
    {'__name__': 'm'}
    """
    names = [name for name in reversed(namespace) if name not in ("__name__", "__builtin__", "__builtins__")]
    ranks = {name: _rank(namespace[name], module) for name in names}
    for name in sorted(names, key=ranks.__getitem__):
        if ranks[name] < _LAST:
            namespace.pop(name, None)
    witness = namespace[_WITNESS] = _Witness(namespace)
    reference = weakref.ref(witness)
    del namespace, witness
    give_up()
    gc.collect()
    if (left := reference()) is not None:
        del left.namespace[_WITNESS]
        for name in names:
            left.namespace.pop(name, None)
        del left
        gc.collect()


_LAST = 2


def _rank(value: object, module: str) -> int:
    if issubclass(type(value), _NEEDED):  # `isinstance` would ask a `__class__` of the user's
        return _LAST
    return 0 if type(value).__module__ == module else 1
