"""The file names of cells, as tracebacks, debuggers and `inspect` see them."""

from __future__ import annotations

import ast
import linecache
import os
import tempfile
from types import CodeType
from typing import Any

from IPython.core.compilerop import CachingCompiler

from async_kernel.ipython.awaited_calls import may_call_magics
from async_kernel.ipython.line_numbers import count_empty
from async_kernel.ipython.sources import CellSources
from async_kernel.protocol.murmur2 import murmur2

__all__ = ["CELL_SUFFIX", "KernelCompiler", "cell_file", "cell_folder", "cell_name"]

CELL_SUFFIX = ".py"


_PROCESS = os.getpid()  # once: a cell may put another function in the place of os.getpid


_folder: tuple[str | None, str] = (None, "")
"""What `cell_folder` gave last, and for which `tempfile.tempdir`."""


def cell_folder() -> str:
    """The folder that this process names files of cells in: "/tmp/ipykernel_4711". It may not be there.

    Libraries recognise cells by this name: numba and joblib to keep caches over restarts, line_profiler and executing
    to find the source, JupyterLab's debugger to show `Cell [5]` instead of a path.
    """
    global _folder
    known, folder = _folder
    if known is not None and known is tempfile.tempdir:
        return folder
    try:
        parent = tempfile.gettempdir()
    except OSError:  # it has tried to write there, and the disk is full: these names need no room
        parent = os.environ.get("TMPDIR") or os.path.sep + "tmp"
    folder = os.path.join(parent, f"ipykernel_{_PROCESS}")
    _folder = tempfile.tempdir, folder
    return folder


def cell_file(code: str) -> str:
    """The name of a cell's file, by its text: "/tmp/ipykernel_4711/2166136261.py". Front ends compute it as well, so
    that it has the form told by `debugInfo` (messaging spec, "debugInfo")."""
    name = f"{murmur2(code.encode('utf-8', 'replace'))}{CELL_SUFFIX}"
    return os.path.join(cell_folder(), name)


def cell_name(code: str) -> str:
    """The name that the code of a cell is compiled under: that of its file, or the one that the environment variable
    `IPYKERNEL_CELL_NAME` gives to all cells, so that no output differs from run to run by it. A debugger finds no cell
    under such a name, as under ipykernel."""
    return os.environ.get("IPYKERNEL_CELL_NAME") or cell_file(code)


class KernelCompiler(CachingCompiler):
    """Names a cell's code like a file of the kernel's, and gives its lines the numbers that they have in the cell.

    A debugger writes the file when it is asked to (`debugger.cell_files`), nobody else does. A name in angle brackets
    would keep libraries that look up source by file name, among them the one that draws IPython's tracebacks, from
    reading the cell as a whole.
    """

    def __init__(self) -> None:
        super().__init__()
        self._sources = CellSources(self._forget)

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name for the code of one cell."""
        return cell_name(raw_code)

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        """Keep the lines of a cell for tracebacks; return its file name. The empty lines at its top, which IPython has
        taken away, are there again."""
        if raw_code and raw_code[0].isspace():  # else nothing was taken away
            empty = count_empty(raw_code.splitlines()) - count_empty(transformed_code.splitlines())
            transformed_code = "\n" * empty + transformed_code
        name: str = super().cache(transformed_code, number, raw_code)
        self._sources.keep(name)
        return name

    def __call__(self, source: Any, filename: str, symbol: str) -> CodeType:
        """Compile, and keep the lines of a cell for as long as its code lives."""
        code: CodeType = super().__call__(source, filename, symbol)
        self._sources.watch(filename, code)
        return code

    def _forget(self, name: str) -> None:
        linecache.cache.pop(name, None)
        self._filename_map.pop(name, None)

    def ast_parse(self, source: str, filename: str = "<unknown>", symbol: str = "exec") -> ast.AST:
        """Parse the code of a cell that was cached under `filename`, or any other code. The tree knows by an attribute
        `may_call_magics` whether its code may."""
        entry: tuple[Any, ...] = linecache.cache.get(filename, ())
        lines = entry[2] if len(entry) > 2 else ()
        code = source
        if lines and lines[0][:1].isspace():
            code = "\n" * (count_empty(lines) - count_empty(source.splitlines())) + source
        tree: Any = super().ast_parse(code, filename, symbol)
        tree.may_call_magics = may_call_magics(source)
        parsed: ast.AST = tree
        return parsed
