"""Which functions of IPython, and of this package, call user code: the marks that an interrupt looks for."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType
from typing import Any

from IPython.core.completer import IPCompleter
from IPython.core.events import EventManager
from IPython.core.formatters import BaseFormatter, DisplayFormatter, IPythonDisplayFormatter, MimeBundleFormatter
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.oinspect import Inspector

from async_kernel.ipython.awaiting import AwaitingMagics
from async_kernel.ipython.commands import Command
from async_kernel.ipython.magics import KernelMagics
from async_kernel.ipython.shell import ZMQInteractiveShell

__all__ = ["user_code_entries"]

# Names that an IPython version does not have are left out.
_ENTRIES: tuple[tuple[type, tuple[str, ...]], ...] = (
    (
        InteractiveShell,
        ("run_code", "user_expressions", "transform_cell", "transform_ast", "safe_execfile", "system_piped"),
    ),
    (
        InteractiveShell,
        ("run_line_magic", "run_cell_magic", "object_inspect_mime", "getoutput", "ex", "ev", "showtraceback"),
    ),
    (EventManager, ("trigger",)),
    (TransformerManager, ("transform_cell", "check_complete")),
    (DisplayFormatter, ("format",)),
    (BaseFormatter, ("__call__",)),
    (IPythonDisplayFormatter, ("__call__",)),
    (MimeBundleFormatter, ("__call__",)),
    (IPCompleter, ("completions", "_completions", "complete")),
    (Inspector, ("info", "_get_info")),
    (ZMQInteractiveShell, ("system_piped", "getoutput")),
    (Command, ("run",)),
    (AwaitingMagics, ("run_code", "run_timed")),
    (KernelMagics, ("less", "man", "qtconsole", "edit", "connect_info")),
)


def user_code_entries() -> tuple[CodeType, ...]:
    """The code objects, each once."""
    return tuple(dict.fromkeys(_code_objects()))


def _code_objects() -> Iterator[CodeType]:
    for owner, names in _ENTRIES:
        for name in names:
            function: Any = getattr(owner, name, None)
            while function is not None:  # decorators keep what they wrap
                code = getattr(function, "__code__", None)
                if code is not None:
                    yield code
                function = getattr(function, "__wrapped__", None)
