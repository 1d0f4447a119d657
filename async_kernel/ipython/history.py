"""Past input as a reply (messaging spec, "History"). IPython's HistoryManager keeps it, in SQLite or in memory."""

from __future__ import annotations

from typing import Any

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content

__all__ = ["history"]


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
