"""Calls of magics whose code awaits: they are awaited.

`AwaitMagics` looks for them in the syntax tree of a cell and puts an awaited call of `awaiting.AwaitingMagics` in their
place, which is imported for the first of them.
"""

from __future__ import annotations

import ast
from typing import Any

__all__ = ["AwaitMagics"]

AWAITED = frozenset(("time", "timeit", "prun", "capture"))
"""The names of the magics that `AwaitingMagics` has."""


class AwaitMagics(ast.NodeTransformer):
    """Has those magics awaited that await. One of `shell.ast_transformers`."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Put an awaited call in the place of `get_ipython().run_cell_magic("time", "", "await …")`."""
        self.generic_visit(node)
        match node:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython"), args=[]) as shell,
                    attr="run_line_magic" | "run_cell_magic",
                ),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(line)), *rest],
                keywords=[],
            ):
                cell = next((arg.value for arg in rest if isinstance(arg, ast.Constant)), None)
                if not isinstance(cell, str | None):
                    return node
                if name in AWAITED and self._shell.autoawait and self._shell.awaiting_magics.awaits(name, line, cell):
                    runner = ast.Attribute(ast.Attribute(shell, "awaiting_magics", ast.Load()), name, ast.Load())
                    return ast.copy_location(ast.Await(ast.Call(runner, node.args[1:], [])), node)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Leave it: nothing can be awaited there."""
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """Leave it: nothing can be awaited there."""
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Leave it: nothing can be awaited there."""
        return node
