"""Calls of magics whose code awaits: they are awaited.

`await_magics` looks for them in the syntax tree of a cell and puts an awaited call of `awaiting.AwaitingMagics` in
their place, which is imported for the first of them. Most cells call no magic, which their text tells: a walk through
the tree in Python takes several times as long as to parse and compile it.
"""

from __future__ import annotations

import ast
from typing import Any

__all__ = ["await_magics", "may_call_magics"]

AWAITED = frozenset(("time", "timeit", "prun", "capture"))
"""The names of the magics that `AwaitingMagics` has."""


def may_call_magics(code: str) -> bool:
    """Whether Python code, as IPython makes it of a cell, may call a magic.

    >>> may_call_magics("get_ipython().run_line_magic('time', 'await f()')")
    True
    """
    return "get_ipython" in code


def await_magics(shell: Any, tree: ast.AST) -> ast.AST:
    """The tree, in which those magics are awaited that await."""
    changed: ast.AST = _AwaitMagics(shell).visit(tree)
    return changed


class _AwaitMagics(ast.NodeTransformer):
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
                    awaited = ast.copy_location(ast.Await(ast.Call(runner, node.args[1:], [])), node)
                    return ast.fix_missing_locations(awaited)
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
