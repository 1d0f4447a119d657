"""Past input as a reply (messaging spec, "History"). IPython's HistoryManager keeps it, in SQLite or in memory."""

from __future__ import annotations

import threading
from typing import Any

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.service_thread import ServiceThread

__all__ = ["SAVE_SECONDS", "DelayedSave", "history"]

SAVE_SECONDS = 1.0
"""How long input is kept in memory before it is written to the history file."""


class DelayedSave:
    """Writes a history to its file a moment after a cell, many cells at once.

    IPython's default writes each input as it comes, in a thread that holds a lock until the disk has it: the next cell
    would wait for the disk, which takes longer than most cells. A setting of the user's (`db_cache_size`) is kept.
    """

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if manager.save_thread is not None and manager.db_cache_size == 0:
            manager.db_cache_size = 1 << 30
            self._thread = ServiceThread("history", self._run)
            self._thread.start()

    def ask(self, *_: object) -> None:
        """Have what is in memory written soon. Returns at once."""
        self._wanted.set()

    def close(self) -> None:
        """Stop. What is still in memory is left to the end of the history's session."""
        self._closing.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._closing.wait(SAVE_SECONDS):
                return
            self._wanted.clear()
            flag = self._manager.save_flag
            if flag is not None:
                flag.set()


def history(manager: Any, content: Content) -> Content:
    """The content of a history_reply: `{"status": "ok", "history": [[session, line, input], ...]}`.

    With `output` each input is a pair of input and output, which is None where it was not kept. Raises RequestError
    for an access type that is not `range`, `tail` or `search`.
    """
    raw, output = bool(content.get("raw", True)), bool(content.get("output", False))
    kind = content.get("hist_access_type", "range")
    if kind == "tail":
        rows = manager.get_tail(content.get("n") or 10, raw=raw, output=output, include_latest=True)
    elif kind == "range":
        rows = manager.get_range(
            content.get("session") or 0, content.get("start") or 1, content.get("stop"), raw=raw, output=output
        )
    elif kind == "search":
        rows = manager.search(
            content.get("pattern") or "*",
            raw=raw,
            search_raw=raw,
            output=output,
            n=content.get("n"),
            unique=bool(content.get("unique", False)),
        )
    else:
        raise RequestError(f"There is no hist_access_type {kind!r}.", "Use range, tail or search.")
    # IPython calls the current session 0 in a range; clients put a session's lines together by its number.
    current = manager.session_number
    return {"status": "ok", "history": [[session or current, line, _entry(entry)] for session, line, entry in rows]}


def _entry(entry: Any) -> Any:
    return list(entry) if isinstance(entry, tuple) else entry
