"""The end of a kernel that still imports what it would have needed: the imports are abandoned.

They are most of a start, and on a busy machine they may take longer than a kernel has to end in good order.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Abandoned", "abandon_imports_when", "go_on_importing"]


class Abandoned(BaseException):
    """Raised by an import: the kernel was told to end."""


class _Abandoning:
    """A finder that finds nothing, and is the first to be asked."""

    def __init__(self, ends: Callable[[], bool]) -> None:
        self._ends = ends
        self._thread = threading.get_ident()

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if threading.get_ident() == self._thread and self._ends():
            raise Abandoned


def abandon_imports_when(ends: Callable[[], bool]) -> None:
    """From now on, have each import of a new module in the calling thread raise Abandoned once `ends()`."""
    sys.meta_path.insert(0, _Abandoning(ends))


def go_on_importing() -> None:
    """Undo that: code of the user's may run now. Where it was not done, nothing happens."""
    for finder in sys.meta_path[:]:
        if isinstance(finder, _Abandoning):
            sys.meta_path.remove(finder)
