"""pdb, and the debuggers that are derived from it, in the process of a kernel."""

from __future__ import annotations

import pdb

__all__ = ["leave_interrupts_alone"]


def leave_interrupts_alone() -> None:
    """Have no debugger take SIGINT at `continue`, as with `Pdb(nosigint=True)`.

    Its handler asks again wherever the main thread stands, with no cell to ask for it, and it stays when the cell has
    ended. Here an interrupt ends the cell.
    """
    pdb.Pdb.nosigint = property(_is_left_alone, _is_asked_for)  # type: ignore[attr-defined]


def _is_left_alone(debugger: pdb.Pdb) -> bool:
    return True


def _is_asked_for(debugger: pdb.Pdb, asked: bool) -> None:
    """The handler that `Pdb.__init__` sets: none."""
