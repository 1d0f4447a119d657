"""The file names of cells, as tracebacks, debuggers and `inspect` see them."""

from __future__ import annotations

import os
import tempfile

from IPython.core.compilerop import CachingCompiler

from async_kernel.protocol.murmur2 import murmur2

__all__ = ["CELL_SUFFIX", "KernelCompiler", "cell_file", "cell_folder"]

CELL_SUFFIX = ".py"


_PROCESS = os.getpid()  # once: a cell may put another function in the place of os.getpid


def cell_folder() -> str:
    """The folder that this process names files of cells in: "/tmp/ipykernel_4711". It may not be there.

    Libraries recognise cells by this name: numba and joblib to keep caches over restarts, line_profiler and executing
    to find the source, JupyterLab's debugger to show `Cell [5]` instead of a path.
    """
    return os.path.join(tempfile.gettempdir(), f"ipykernel_{_PROCESS}")  # noqa: PTH118


def cell_file(code: str) -> str:
    """The name of a cell's file, by its text: "/tmp/ipykernel_4711/2166136261.py". Front ends compute it as well, so
    that its form is what `debugInfo` tells them (messaging spec, "debugInfo")."""
    name = f"{murmur2(code.encode('utf-8', 'replace'))}{CELL_SUFFIX}"
    return os.path.join(cell_folder(), name)  # noqa: PTH118


class KernelCompiler(CachingCompiler):  # type: ignore[misc]
    """Names a cell's code like a file of the kernel's.

    A debugger writes the file when it is asked to (`debugger.cells`), nobody else does. A name in angle brackets would
    keep libraries that look up source by file name, among them the one that draws IPython's tracebacks, from reading
    the cell as a whole.
    """

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        """The name for the code of one cell."""
        return cell_file(raw_code)
