"""The files of cells, which front ends have the debugger write: they can show a stopped frame only if its source file
exists."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from .client import DebuggerError

__all__ = ["CellFiles", "in_this_process"]


def in_this_process(path: str, prefix: str) -> str:
    """The file of the same cell in this process, when `path` names a cell's file of any process; else `path`.

    After a restart a front end sets the breakpoints that it had before, in files of the process that is gone. The names
    of this one's files begin with `prefix`.

    >>> in_this_process("/tmp/ipykernel_1/2166136261.py", "/tmp/ipykernel_22/")
    '/tmp/ipykernel_22/2166136261.py'
    """
    folder, name = os.path.split(path)
    folders = re.sub(r"\d+$", lambda _: r"\d+", re.escape(os.path.dirname(prefix)))
    return prefix + name if re.fullmatch(folders, folder) and re.fullmatch(r"\d+\.\w+", name) else path


class CellFiles:
    """The files of one kernel's cells."""

    def __init__(self) -> None:
        self._written: set[Path] = set()

    def write(self, name: str, code: str) -> None:
        """Write the file of a cell. DebuggerError when its folder is not ours alone, or cannot be written to."""
        path = Path(name)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            # In a folder for temporary files anybody may have made it before us, or a link that leads elsewhere.
            if path.parent.is_symlink() or (sys.platform != "win32" and path.parent.stat().st_uid != os.geteuid()):
                raise DebuggerError(f"The folder {path.parent} belongs to somebody else: no cell is written there.")
            path.write_text(code, encoding="utf-8")
        except OSError as error:
            raise DebuggerError(f"The cell cannot be written to {path}: {error}") from None
        self._written.add(path)

    def remove(self) -> None:
        """Remove the written files, and their folder when it is empty then."""
        for path in self._written:
            path.unlink(missing_ok=True)
        for folder in {path.parent for path in self._written}:
            with suppress(OSError):
                folder.rmdir()
        self._written.clear()
