"""Says so when a cell imports a module of which a file of the same name lies beside the notebook.

As in Python, a module that is loaded already wins. But a script has loaded hardly any, a kernel several hundred, so a
notebook gets the standard library's `random` where the same lines as a script get the `random.py` beside them. To
give the cell that file would take the module from all libraries that import it later, and from the kernel.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress

from async_kernel.import_order import passed_by

__all__ = ["FilesBeside"]


class FilesBeside:
    """Looks at the imports of each cell, before it runs."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def look(self, tree: ast.AST) -> None:
        """Tell of the files that the cell with this syntax tree means, of each once."""
        if isinstance(tree, ast.Module):
            for name in _imported(tree):
                if name not in self._told and (file := passed_by(name)) is not None:
                    self._told.add(name)
                    with suppress(Exception):  # a stream that a cell has put there
                        print(
                            f"`import {name}` does not give {file}: the kernel has loaded another module of this "
                            "name. To import the file, give it another name.",
                            file=sys.stderr,
                        )


def _imported(module: ast.Module) -> Iterator[str]:
    """The top-level modules that the statements of a cell import; those within its functions are left out."""
    for statement in module.body:
        if isinstance(statement, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module.partition(".")[0]
