"""Completion, inspection and completeness as replies (messaging spec, "Completion", "Introspection" and so on).

Cursor positions count code points, as Python's strings do.

How good an answer is depends on the time it may take. While nothing runs it is IPython's own, from values where those
tell what jedi would read out of source code (`live`), and from jedi within a time (`asking_jedi`). Beside a cell that
awaits, in its thread, jedi is left out: its import, and its first look at a library, take longer than a user waits.
Beside a cell that keeps its thread to itself the answer comes from another, which may run none of the user's code.
IPython's `evaluation` policy "limited" does not see to that (it calls `__dir__`, and descriptors other than
properties), and those below give no attributes at all; so there they come from `static`.
"""

from __future__ import annotations

import logging
from typing import Any

from IPython.core.completer import (
    Completion,
    IPCompleter,
    SimpleCompletion,
    context_matcher,
    provisionalcompleter,
    rectify_completions,
)
from IPython.core.inputtransformer2 import TransformerManager
from IPython.utils.tokenutil import token_at_cursor

from async_kernel.ipython import static
from async_kernel.ipython.display import mime_bundle
from async_kernel.ipython.jedi_faults import noting_failures
from async_kernel.ipython.tracebacks import error_content
from async_kernel.kernel.place import Place
from async_kernel.protocol.messages import Content

__all__ = ["complete", "inspect", "is_complete"]

log = logging.getLogger(__name__)

_TYPES = "_jupyter_types_experimental"


_EVALUATING = (
    "IPCompleter.python_matcher",
    "IPCompleter.python_func_kw_matcher",
    "IPCompleter.dict_key_matcher",
)
"""The matchers of IPython that look into values, by running code."""


def complete(shell: Any, code: str, cursor_pos: int, place: Place = Place.IN_TURN) -> Content:
    """The content of a complete_reply, for example `{"matches": ["import"], "cursor_start": 0, "cursor_end": 3, ...}`.

    `metadata` says of each match its text, range, type and signature. Completers may run user code (attributes, for
    one), unless `place` is APART: what it raises becomes an error reply.
    """
    cursor_pos = min(max(cursor_pos, 0), len(code))
    try:
        with provisionalcompleter():
            found = _find(shell.Completer if place is Place.IN_TURN else _completer(shell, place), code, cursor_pos)
            if found is None:
                found = _find(_completer(shell, Place.BESIDE), code, cursor_pos) or []
            if found and all(completion.text.startswith(".") for completion in found):
                # Without jedi IPython completes an attribute with its dot, which front ends would show.
                found = [Completion(one.start + 1, one.end, one.text[1:], type=one.type) for one in found]
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


def _find(completer: IPCompleter, code: str, cursor_pos: int) -> list[Completion] | None:
    """The completions; None where jedi has failed, which IPython passes over."""
    if not completer.use_jedi:
        return list(rectify_completions(code, completer.completions(code, cursor_pos)))
    with noting_failures() as failures:
        found = list(rectify_completions(code, completer.completions(code, cursor_pos)))
    if not failures:
        return found
    log.info("completed without jedi, which has failed", exc_info=failures[0])
    return None


def _completer(shell: Any, place: Place) -> IPCompleter:
    """A completer for one answer, with the settings of the shell's: each has a state, and threads share none."""
    given = shell.Completer
    completer = IPCompleter(
        shell=shell, namespace=given.namespace, global_namespace=given.global_namespace, parent=shell, use_jedi=False
    )
    for name in given.trait_names(config=True):
        value = getattr(given, name)
        if name != "use_jedi" and value != getattr(completer, name):  # deprecated ones warn of being set
            setattr(completer, name, value)
    if place is Place.APART:
        completer.disable_matchers = [*given.disable_matchers, *_EVALUATING]
        completer.evaluation, completer.policy_overrides = "minimal", {}  # "forbidden" raises KeyError in IPython 9.18
        completer.custom_matchers = [_static_matcher(completer)]
    else:  # added by the user, or an extension
        completer.custom_matchers = given.custom_matchers
        completer.custom_completers = given.custom_completers
    return completer


def _static_matcher(completer: IPCompleter) -> Any:
    """Completes names and attributes without running code, fitted to IPython's interface of matchers."""
    namespaces = [completer.namespace, completer.global_namespace]

    @context_matcher(identifier="async_kernel.static_matcher")
    def match(context: Any) -> dict[str, Any]:
        dotted = static.dotted_name(context.text_until_cursor)
        if dotted is None:
            return {"completions": []}
        parents, start = dotted
        if not parents:
            found = [SimpleCompletion(text=name, type="variable") for name in completer.global_matches(start)]
            return {"completions": found, "matched_fragment": start}
        owner = static.find(parents, namespaces)
        hidden = ("", "__", "_")[completer.omit__names] if not start else ""
        found = [
            SimpleCompletion(text=name, type=static.kind(static.find([*parents, name], namespaces)))
            for name in (static.attribute_names(owner) if owner is not static.UNKNOWN else ())
            if name.startswith(start) and not (hidden and name.startswith(hidden))
        ]
        return {"completions": found, "matched_fragment": start, "suppress": bool(found)}

    return match


def inspect(shell: Any, code: str, cursor_pos: int, detail_level: int, place: Place = Place.IN_TURN) -> Content:
    """The content of an inspect_reply; `found` is False when there is no name at the cursor or it means nothing.

    With `place` APART it is what `static.describe` knows.
    """
    reply: Content = {"status": "ok", "found": False, "data": {}, "metadata": {}}
    try:
        name = token_at_cursor(code, min(max(cursor_pos, 0), len(code)))
        if place is Place.APART:
            return reply | _describe(shell, name, detail_level)
        bundle = shell.object_inspect_mime(name, detail_level=detail_level)
    except KeyError:
        return reply
    except (Exception, KeyboardInterrupt) as error:
        return _failure(error)
    if not shell.enable_html_pager:
        bundle.pop("text/html", None)
    return reply | {"found": True, "data": mime_bundle(bundle), "metadata": {}}


def _describe(shell: Any, name: str, detail_level: int) -> Content:
    """The part of an inspect_reply that describes the value of a name, without running code; {} when it is not
    known."""
    dotted = static.dotted_name(name.lstrip("%"))
    if dotted is None or not dotted[1]:
        return {}
    value = static.find([*dotted[0], dotted[1]], [shell.Completer.namespace, shell.Completer.global_namespace])
    if value is static.UNKNOWN:
        value = shell.find_magic(name.lstrip("%")) or static.UNKNOWN
    if value is static.UNKNOWN:
        return {}
    return {"found": True, "data": {"text/plain": static.describe(name, value, detail_level)}}


def is_complete(shell: Any, code: str, place: Place = Place.IN_TURN) -> Content:
    """The content of an is_complete_reply: `complete`, `invalid`, or `incomplete` with the next line's `indent`.

    With `place` APART the input transformers that the user has added have no say.
    """
    try:
        if place is Place.APART:
            status, spaces = TransformerManager().check_complete(code)
            indent = " " * (spaces or 0)
        else:
            status, indent = shell.check_complete(code)
    except (Exception, KeyboardInterrupt):
        return {"status": "unknown"}
    return {"status": status, "indent": indent} if status == "incomplete" else {"status": status}


def _failure(error: BaseException) -> Content:
    return {"status": "error", **error_content(type(error), error, [])}
