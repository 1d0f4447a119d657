"""`%autoawait`: in which loop cells run that await. It is the kernel's, unless a cell has chosen another.

Then IPython's function for that library runs such cells: in a loop within the kernel's, which waits meanwhile, as
`trio.run` in a cell does (`concurrency.runners`). Cells that await nothing go on running in the kernel's.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from typing import Any

from IPython.core.async_helpers import _asyncio_runner, _trio_runner
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class

from async_kernel.ipython.awaited_calls import await_magics

__all__ = ["OWN_LOOP", "AutoAwaitMagics", "awaits", "inner_runner"]

_LIBRARIES = ("asyncio", "trio", "curio")

_Runner = Callable[[Coroutine[Any, Any, Any]], Any]


class _OwnLoop:
    """The loop that runs the cell already. IPython cannot call it, as a magic that runs a cell would."""

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        coroutine.close()
        raise RuntimeError("This magic cannot run code that awaits: it would need the event loop that runs the cell.")

    def __repr__(self) -> str:
        return _library_here()


OWN_LOOP = _OwnLoop()
"""The `loop_runner` of a kernel."""


def inner_runner(shell: InteractiveShell, code: str) -> _Runner | None:
    """The runner of the cell with this transformed code, in a loop of its own; None when it is awaited
    in the loop that runs already."""
    runner: _Runner = shell.loop_runner
    if runner is OWN_LOOP or {_asyncio_runner: "asyncio", _trio_runner: "trio"}.get(runner) == _library_here():
        return None
    return runner if shell.autoawait and awaits(shell, code) else None


def awaits(shell: InteractiveShell, code: str) -> bool:
    """Whether the code awaits at its top level, be it as the code of `%time` and its like."""
    try:
        tree: Any = await_magics(shell, shell.compile.ast_parse(code))
        flags = shell.compile.flags | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        return bool(compile(tree, "", "exec", flags, dont_inherit=True).co_flags & inspect.CO_COROUTINE)
    except Exception:  # IPython reports the error
        return False


@magics_class
class AutoAwaitMagics(Magics):
    """%autoawait, which refuses the loops that it cannot run."""

    @line_magic
    def autoawait(self, parameter_s: str) -> None:
        """%autoawait [on | off | asyncio | trio | curio | sync | FUNCTION]: how cells that await run.

        Without an argument: print how. `off`: such cells are a syntax error. A library other than the kernel's runs
        them in a loop within the kernel's, which waits meanwhile. So does a function that takes a coroutine and returns
        its result, by its name or its dotted path.
        """
        from IPython.core.magics.basic import AsyncMagics

        name = parameter_s.strip()
        if name in _LIBRARIES and find_spec(name) is None:
            raise UsageError(f"{name} is not installed. Install it with: {sys.executable} -m pip install {name}")
        try:
            AsyncMagics(self.shell).autoawait(parameter_s)
        except (ImportError, AttributeError, ValueError):
            takes = "on, off, asyncio, trio, curio, sync, or the name of a function that runs a coroutine"
            raise UsageError(f"%autoawait takes {takes}, not {name!r}.") from None


def _library_here() -> str:
    from async_kernel.concurrency.calls import library_here

    return library_here() or "asyncio"
