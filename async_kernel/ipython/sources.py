"""Whose lines `linecache` keeps: those of the latest cells, and of older ones for as long as their code lives.

Tracebacks, debuggers and `inspect` read a cell's source there. Of a cell that only did something nobody asks any more
once it is old; of one that defined a function somebody may for as long as the function is there. Without this a session
of 10,000 different cells keeps 3 MB that nobody can see.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from types import CodeType
from weakref import ref

__all__ = ["LATEST_CELLS", "CellSources"]

LATEST_CELLS = 500
"""How many cells are kept in any case: `%tb`, `%debug` and `inspect` of the latest cells."""


class CellSources:
    """Knows the code objects that live, by the name of their cell. `forget(name)` is called when the source of a cell
    is needed no more; at any time, in any thread that gives up an object."""

    def __init__(self, forget: Callable[[str], object]) -> None:
        self._forget = forget
        self._latest: OrderedDict[str, None] = OrderedDict()
        self._living: dict[str, _Living] = {}

    def keep(self, name: str) -> None:
        """The cell `name` is about to be compiled: it is the latest."""
        self._latest[name] = None
        self._latest.move_to_end(name)
        if len(self._latest) > LATEST_CELLS:
            oldest, _ = self._latest.popitem(last=False)
            if oldest not in self._living:
                self._forget(oldest)

    def watch(self, name: str, code: CodeType) -> None:
        """Keep the source of the cell `name` for as long as `code`, or the code of a function in it, lives."""
        living = self._living.get(name)
        if living is None:
            if name not in self._latest:  # no cell
                return
            living = self._living[name] = _Living(lambda: self._gone(name))
        living.add(code)

    def _gone(self, name: str) -> None:
        self._living.pop(name, None)
        if name not in self._latest:
            self._forget(name)


class _Living:
    """The code objects of one cell that live. `gone()` is called when there is none any more."""

    def __init__(self, gone: Callable[[], object]) -> None:
        self._gone = gone
        self._codes: dict[int, ref[CodeType]] = {}  # by the number of the reference: code of equal text is equal

    def add(self, code: CodeType) -> None:
        """Watch a code object, and those of functions in it."""
        reference = ref(code, self._discard)
        self._codes[id(reference)] = reference
        for const in code.co_consts:
            if type(const) is CodeType:
                self.add(const)

    def _discard(self, dead: ref[CodeType]) -> None:
        self._codes.pop(id(dead), None)
        if not self._codes:
            self._gone()
