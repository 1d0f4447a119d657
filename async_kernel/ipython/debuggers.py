"""pdb, and the debuggers that are derived from it, in the process of a kernel."""

from __future__ import annotations

import pdb
import sys
from typing import Any, Self

__all__ = ["adapt_pdb"]


def adapt_pdb() -> None:
    """Have pdb and `breakpoint` open IPython's debugger, which shows the lines around, with colours, and knows magics.

    None takes SIGINT at `continue`, as with `Pdb(nosigint=True)`.

    The handler of `continue` asks again wherever the main thread stands, with no cell to ask for it, and it stays when
    the cell has ended. Here an interrupt ends the cell.
    """
    pdb.Pdb.nosigint = property(_is_left_alone, _is_asked_for)  # type: ignore[attr-defined]  # not in the stubs
    imported = sys.modules.get("IPython.core.debugger")
    pdb.Pdb = _Late if imported is None else imported.Pdb  # type: ignore[misc]  # another class


class _Late(pdb.Pdb):
    """Python's debugger for classes that are derived from it; an instance of its own is IPython's, whose import would
    take half as long as the start of a kernel."""

    def __new__(cls, *args: Any, **options: Any) -> Self:
        if cls is _Late:
            from IPython.core.debugger import Pdb

            cls = Pdb  # which is derived from this class, as pdb's
        return super().__new__(cls)


def _is_left_alone(debugger: pdb.Pdb) -> bool:
    return True


def _is_asked_for(debugger: pdb.Pdb, asked: bool) -> None:
    """The handler that `Pdb.__init__` sets: none."""
