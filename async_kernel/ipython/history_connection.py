"""A connection to the history file, which tells a file that cannot be used now from one that is damaged.

IPython takes both for damage, and moves the file away. Apart from `history_file`, for a Python may have no SQLite.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from async_kernel.errors import HistoryUnavailableError

__all__ = ["PatientConnection"]

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class PatientConnection(sqlite3.Connection):
    """A connection whose `execute`, like the end of its `with` blocks, raises HistoryUnavailableError for a file that
    is locked, read-only or out of reach, or whose disk is full. It raises SQLite's error for a damaged file, and for
    rows that break a constraint."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except sqlite3.Error as error:
            raise _meaning(error) from error

    def execute(self, *args: Any) -> sqlite3.Cursor:
        """As that of every connection."""
        try:
            return super().execute(*args)
        except sqlite3.Error as error:
            raise _meaning(error) from error

    def __exit__(self, *args: Any) -> Any:
        try:
            return super().__exit__(*args)
        except sqlite3.Error as error:
            raise _meaning(error) from error


def _meaning(error: sqlite3.Error) -> Exception:
    # Extended codes have the primary one in their lowest byte (https://www.sqlite.org/rescode.html). There is none
    # where the error is of Python's module, as for a connection that was closed meanwhile.
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(error, sqlite3.IntegrityError) or (code is not None and code & 0xFF in _DAMAGED):
        return error
    return HistoryUnavailableError(str(error))
