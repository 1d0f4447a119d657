"""Completion, inspection and completeness as replies (messaging spec, "Completion", "Introspection" and so on).

Cursor positions count code points, which is what Python's strings do.
"""

from __future__ import annotations

from typing import Any

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor

from async_kernel.ipython.display import mime_bundle
from async_kernel.ipython.tracebacks import error_content
from async_kernel.protocol.messages import Content

__all__ = ["complete", "inspect", "is_complete"]

_TYPES = "_jupyter_types_experimental"


def complete(shell: Any, code: str, cursor_pos: int) -> Content:
    """The content of a complete_reply, for example `{"matches": ["import"], "cursor_start": 0, "cursor_end": 3, ...}`.

    `metadata` says of each match its text, range, type and signature. Completers may run user code (attributes, for
    one): what it raises becomes an error reply.
    """
    cursor_pos = min(max(cursor_pos, 0), len(code))
    try:
        with provisionalcompleter():
            found = list(rectify_completions(code, shell.Completer.completions(code, cursor_pos)))
    except (Exception, KeyboardInterrupt) as error:
        return _failure(error)
    unique = list({completion.text: completion for completion in reversed(found)}.values())[::-1]
    types = [
        {
            "start": completion.start,
            "end": completion.end,
            "text": completion.text,
            "type": completion.type or "<unknown>",
            "signature": completion.signature or "",
        }
        for completion in unique
    ]
    return {
        "status": "ok",
        "matches": [completion.text for completion in unique],
        "cursor_start": unique[0].start if unique else cursor_pos,
        "cursor_end": unique[0].end if unique else cursor_pos,
        "metadata": {_TYPES: types},
    }


def inspect(shell: Any, code: str, cursor_pos: int, detail_level: int) -> Content:
    """The content of an inspect_reply; `found` is False when there is no name at the cursor or it means nothing."""
    reply: Content = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    try:
        name = token_at_cursor(code, min(max(cursor_pos, 0), len(code)))
        bundle = shell.object_inspect_mime(name, detail_level=detail_level)
    except KeyError:
        return reply
    except (Exception, KeyboardInterrupt) as error:
        return _failure(error)
    if not shell.enable_html_pager:
        bundle.pop("text/html", None)
    return reply | {"found": True, "data": mime_bundle(bundle), "metadata": {}}


def is_complete(shell: Any, code: str) -> Content:
    """The content of an is_complete_reply: `complete`, `invalid`, or `incomplete` with the next line's `indent`."""
    try:
        status, indent = shell.check_complete(code)
    except (Exception, KeyboardInterrupt):
        return {"status": "unknown"}
    return {"status": status, "indent": indent} if status == "incomplete" else {"status": status}


def _failure(error: BaseException) -> Content:
    return {"status": "error", **error_content(type(error), error, [])}
