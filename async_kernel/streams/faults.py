"""Python's faulthandler: its later output goes to the log of the process, not into a cell's pipe.

A pipe of a cell is read by a thread of this process. That thread is gone when the process dies of a signal, and does
not run while C code holds the GIL, which are the moments that faulthandler is for. `faulthandler.dump_traceback()`,
which writes at once, still writes to the cell.
"""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TextIO

__all__ = ["keep_from_cells"]

_FILE_POSITIONS = {"enable": 0, "register": 1, "dump_traceback_later": 2}
"""The functions that remember a file, and the position of that argument. (Windows has no `register`.)"""


def keep_from_cells(find_log: Callable[[int], TextIO | None]) -> Callable[[], None]:
    """Have faulthandler write to a log where it was told to write into the pipe of a cell; return the function that
    ends it.

    `find_log(descriptor)` gives the log that belongs to a descriptor, None for one that does not lead into a pipe.
    """
    places = [
        (name, at, getattr(faulthandler, name)) for name, at in _FILE_POSITIONS.items() if hasattr(faulthandler, name)
    ]
    wrappers = {name: _write_to_log(function, at, find_log) for name, at, function in places}
    for name, wrapper in wrappers.items():
        setattr(faulthandler, name, wrapper)

    def restore() -> None:
        for name, _, function in places:
            if getattr(faulthandler, name) is wrappers[name]:
                setattr(faulthandler, name, function)

    return restore


def _write_to_log(
    function: Callable[..., Any], position: int, find_log: Callable[[int], TextIO | None]
) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = args[position] if len(args) > position else kwargs.get("file")
        log = _log_for(sys.stderr if given is None else given, find_log)
        if log is None:
            return function(*args, **kwargs)
        if len(args) > position:
            args = (*args[:position], log, *args[position + 1 :])
        else:
            kwargs["file"] = log
        return function(*args, **kwargs)

    return call


def _log_for(file: Any, find_log: Callable[[int], TextIO | None]) -> TextIO | None:
    """The log in place of `file`, a descriptor or an object with one; None for whatever faulthandler is to see itself,
    wrong arguments included."""
    try:
        return find_log(file if isinstance(file, int) else file.fileno())
    except (AttributeError, OSError, TypeError, ValueError):
        return None
