"""The text of an option's value, to the value and back. Literals only: nothing that is typed is ever run as code.

Every `read` function takes text and gives a value, or raises ValueError that names the right form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Literal

__all__ = ["Kind", "literal", "read", "write"]

Kind = Literal["flag", "integer", "count", "number", "choice", "text", "string", "names", "mapping", "pair", "trait"]
"""The kind of a value.

flag: True or False · integer · count: 0 or more, 1 where it is given without a value ·
number: a float, or None where the default is None · choice: one of the row's choices ·
text: as typed, whatever it looks like · string: as typed, or a quoted literal · names: separated by commas ·
mapping: names to literals · pair: NAME=VALUE, gathered in a mapping · trait: text that IPython reads, or a tuple of
texts where the option was given several times.
"""

_TRUE = {"true", "1", "yes", "on"}
_FALSE = {"false", "0", "no", "off"}


def literal(text: str) -> Any:
    """The Python literal that `text` spells, else `text` itself: `literal("[1]") == [1]`, `literal("a b") == "a b"`.

    Only values that can be written back count: `literal("1e999")` is infinite, which no literal spells, so it stays
    text.
    """
    from ast import literal_eval  # not for everyone: most values are plain words

    try:
        value = literal_eval(text.strip())
        return value if literal_eval(repr(value)) == value else text
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return text


def read(kind: Kind, text: str, choices: Sequence[Any] = (), optional: bool = False) -> Any:
    """The value that `text` gives for an option of this kind, for example `read("number", "0.1") == 0.1`.

    `optional` lets `None` stand for no value. Raises ValueError that names the expected form.
    """
    if optional and text.strip().lower() in {"none", ""}:
        return None
    match kind:
        case "flag":
            return _flag(text)
        case "integer":
            return _integer(text)
        case "count":
            return _count(text)
        case "number":
            return _number(text)
        case "choice":
            return _choice(text, choices)
        case "mapping":
            return _mapping(text)
        case "pair":
            return _pair(text)
        case "names":
            return _names(text)
        case "string":
            return _string(text)
    return text


def write(kind: Kind, value: Any) -> str:
    """Text that `read` turns into an equal value."""
    if kind == "mapping":
        return repr(dict(value))
    if kind == "string" and (value is None or literal(value) != value or value.strip().lower() in {"none", ""}):
        return repr(value)
    return str(value)


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("True or False")


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError("a whole number") from None


def _count(text: str) -> int:
    if not text.strip().isdecimal():
        raise ValueError("a whole number, 0 or more")
    return int(text)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError("a number") from None
    if not isfinite(value):
        raise ValueError("a finite number")
    return value


def _choice(text: str, choices: Sequence[Any]) -> Any:
    word = text.strip().strip("'\"").lower()
    for choice in choices:
        if str(choice).lower() == word:
            return choice
    raise ValueError(f"one of {', '.join(map(str, choices))}")


def _string(text: str) -> str:
    if text[:1] in {"'", '"'}:
        value = literal(text)
        return value if isinstance(value, str) else text
    return text


def _names(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if not names:
        raise ValueError("one name, or several separated by commas")
    return names


def _pair(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ValueError("NAME=VALUE")
    return {name.strip(): value}


def _mapping(text: str) -> dict[str, Any]:
    """A dict literal, or a dict literal whose quotes a shell has removed.

    bash takes the quotes out of `--host_options={'module':'PySide2'}`, and splits a dict of two items into two words
    without braces (`--host_options=module:PySide2 --host_options=...`); both still give the mapping that was meant.
    """
    if text.strip() in {"", "None"}:
        return {}
    value = literal(text)
    if isinstance(value, Mapping):
        if all(isinstance(name, str) for name in value):
            return dict(value)
    elif isinstance(value, str):
        bare = value.strip()
        if bare.startswith("{") and bare.endswith("}"):
            bare = bare[1:-1]
        items = [[part.strip() for part in item.partition(":")] for item in _split(bare)]
        if items and all(_is_item(*item) for item in items):
            return {str(literal(name)): literal(rest) for name, _, rest in items}
    raise ValueError("a dict literal such as {'name': 1}")


def _is_item(name: str, colon: str, value: str) -> bool:
    return bool(name and colon and value) and not _is_torn(name) and not _is_torn(value)


def _is_torn(text: str) -> bool:
    """Whether `text` is a piece of a literal, such as `{'a'` or `'b`: a bracket or a quote has no counterpart.

    A bracket within a quoted text needs none, and a quote within a word is an apostrophe.
    """
    if literal(text) != text:
        return False
    ends = (text[:1], text[-1:])
    quoted = any(end in {"'", '"'} for end in ends)
    brackets = any(text.count(opening) != text.count(closing) for opening, closing in ("()", "[]", "{}"))
    return brackets or (quoted and (ends[0] != ends[1] or len(text) == 1))


def _split(text: str) -> list[str]:
    """Split at the commas that stand outside brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part for part in parts if part.strip()]
