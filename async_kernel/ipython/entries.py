"""The functions of IPython that run user code: they are marked, so that interrupts are raised below them (`stacks`).

Functions of ours have the mark where they are defined.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from IPython.core.completer import IPCompleter
from IPython.core.events import EventManager
from IPython.core.formatters import BaseFormatter, DisplayFormatter, IPythonDisplayFormatter, MimeBundleFormatter
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.oinspect import Inspector

from async_kernel.stacks import runs_user_code

__all__ = ["ENTRIES", "mark_entries"]

ENTRIES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (InteractiveShell, ("run_code", "run_line_magic", "run_cell_magic", "safe_execfile", "system_piped", "getoutput")),
    (InteractiveShell, ("user_expressions", "ex", "ev", "object_inspect_mime", "showtraceback")),
    (InteractiveShell, ("transform_cell", "transform_ast")),
    (EventManager, ("trigger",)),
    (TransformerManager, ("transform_cell", "check_complete")),
    (DisplayFormatter, ("format",)),
    (BaseFormatter, ("__call__",)),
    (IPythonDisplayFormatter, ("__call__",)),
    (MimeBundleFormatter, ("__call__",)),
    (IPCompleter, ("completions", "_completions", "complete")),
    (Inspector, ("info", "_get_info")),
)
"""The functions. A test fails when IPython has one no longer: interrupts would not reach the code that it runs."""


def mark_entries() -> None:
    """Mark all of them. A name that this version of IPython does not have is left out."""
    for owner, names in ENTRIES:
        for name in names:
            for function in wrapped(getattr(owner, name, None)):
                runs_user_code(function)


def wrapped(function: Any) -> Iterator[FunctionType]:
    """A function, and those that its decorators have wrapped."""
    while function is not None:
        if isinstance(function, FunctionType):
            yield function
        function = getattr(function, "__wrapped__", None)
