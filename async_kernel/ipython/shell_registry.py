"""The shells of the kernels of this process, where IPython knows of one.

Their cells overlap, so the things that IPython changes for the time of a cell, `sys.displayhook` and some builtins, are
changed for all of them together, and finds the shell that is meant by the cell of the calling context.
"""

from __future__ import annotations

import builtins
import sys
from typing import Any

from async_kernel.ipython.cells import current_cell

__all__ = ["display", "leave", "shell_here", "shells"]

shells: list[Any] = []
"""Those that are open. IPython calls the first one the instance; when that is closed, the latest one."""


def shell_here() -> Any:
    """The shell whose cell the calling context runs; outside any, the latest one."""
    cell = current_cell()
    return shells[-1] if cell is None or cell.owner is None else cell.owner


def display(value: object) -> None:
    """`sys.displayhook` while cells run."""
    shell_here().displayhook(value)


def leave(shell: Any) -> None:
    """Unregister a shell; after the last one, restore `sys.displayhook` and the builtins."""
    shells.remove(shell)
    kind: Any = type(shell)
    if kind.instance() is shell:
        kind.clear_instance()
        if shells:
            for each in kind._walk_mro():
                each._instance = shells[-1]  # as `instance()` does with one that it has made
    if not shells:
        for name in ("__IPYTHON__", "display"):
            builtins.__dict__.pop(name, None)
        if sys.displayhook is display:
            sys.displayhook = sys.__displayhook__
