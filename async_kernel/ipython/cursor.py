"""The place of a cursor in code: which name is being typed, and which expression stands before its dot.

Only words are looked at. Knows no values, and gives up (None) on all that needs more than words: strings, magics,
statements that bind names on the way to the cursor.
"""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

__all__ = ["Binding", "Call", "Position", "bindings", "find_position"]

_TOKEN = re.compile(
    r"""
      (?P<space>[ \t]+|\\\n)
    | (?P<comment>\#[^\n]*(?=\n))
    | (?P<newline>\n)
    | (?P<string>[rRbBuU]{0,2}(?:
          '''(?:[^\\]|\\.)*?''' | \"\"\"(?:[^\\]|\\.)*?\"\"\"
        | '(?!'')(?:[^'\\\n]|\\.)*' | "(?!"")(?:[^"\\\n]|\\.)*"
      ))
    | (?P<number>\d\w*(?:\.\d\w*)?|\.\d\w*)
    | (?P<name>[^\W\d]\w*)
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    | (?P<operator>->|:=|\*\*=?|//=?|<<=?|>>=?|[-+*/%@&|^<>=!]=|[-+*/%@&|^~<>=:.,;])
    """,
    re.VERBOSE | re.DOTALL,
)
"""The tokens of code that is whole. A string that is open, `!`, `?` and `$` are none."""

_BINDING = frozenset(
    ("lambda", "for", "as", "import", "from", "def", "class", "global", "nonlocal", "match", "case", ":=")
)
"""The tokens after which a name of the statement may mean something else, or is none that is there."""

_BEFORE_EXPRESSION = frozenset(
    ("return", "if", "elif", "while", "and", "or", "not", "in", "is", "await", "assert", "yield")
)

_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}


class _Token(NamedTuple):
    kind: str
    text: str
    start: int


class Call(NamedTuple):
    """A call that is being written: the function, how many arguments stand before the cursor, and the names of those
    that were given by name."""

    function: str
    positional: int
    named: frozenset[str]


class Position(NamedTuple):
    """Where the cursor stands.

    `start` is the part of a name that is there, "" when none is. Before it is a dot, and `owner` before that; or
    `owner` is "" and the name stands for itself: at the beginning of a statement, or `behind` a word or sign that an
    expression follows, maybe as an argument of `call`. `indented` tells whether the statement is part of another;
    `before` is the code of those before it, and around it (see `bindings`).
    """

    start: str
    owner: str
    behind: str
    after_space: bool
    after_dot: bool
    call: Call | None
    indented: bool
    before: ast.Module


def find_position(text: str) -> Position | None:
    """The place of a cursor behind `text`; None where words alone do not tell it.

    `find_position("x = animal.sp")` has the start "sp" and the owner "animal".
    """
    tokens = _tokens(text)
    if tokens is None:
        return None
    partners, opened, first = _structure(tokens)
    if any(token.text in _BINDING for token in tokens[first:]):
        return None
    start = ""
    if tokens and tokens[-1].kind == "name" and tokens[-1].start + len(tokens[-1].text) == len(text):
        start = tokens.pop().text
    if any(token.text in ("%", "@") for token in tokens[first : first + 1]):  # a magic, a decorator
        return None
    if any(one.text == "=" and two.text == "%" for one, two in zip(tokens[first:], tokens[first + 1 :], strict=False)):
        return None
    begin = tokens[first].start if first < len(tokens) else len(text) - len(start)
    margin = text[text.rfind("\n", 0, begin) + 1 : begin]
    try:
        before = ast.parse(f"{text[:begin]}pass")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    previous = tokens[-1] if len(tokens) > first else None
    ahead = text[: len(text) - len(start)]
    owner, call = "", None
    if previous is not None and previous.text == ".":
        owner = _expression_before(text, tokens, partners, len(tokens) - 1)
        if not owner:
            return None
    elif previous is not None:
        if not _begins_expression(tokens[first:]):
            return None
        if opened and tokens[opened[-1]].text == "(" and previous.text in ("(", ","):
            call = _call(text, tokens, partners, opened[-1])
            if call is None and _may_be_called(tokens, opened[-1]):
                return None
    return Position(
        start=start,
        owner=owner,
        behind="" if previous is None else previous.text,
        after_space=not ahead or ahead[-1] in " \t\n;",
        after_dot=text.endswith("."),
        call=call,
        indented=bool(margin),
        before=before,
    )


def _begins_expression(tokens: list[_Token]) -> bool:
    """Whether behind these tokens of a statement, of which there is one at least, an expression begins."""
    last = tokens[-1]
    if len(tokens) == 1 and last.kind == "operator" and last.text not in ("-", "+", "~", "*", "**"):
        return False
    if last.text == "not" and len(tokens) > 1 and tokens[-2].kind not in ("open", "operator"):
        return False
    # Behind all else an operator or a keyword may follow, and a name only after some words.
    return last.text in _BEFORE_EXPRESSION or last.kind in ("open", "operator")


def _tokens(text: str) -> list[_Token] | None:
    tokens: list[_Token] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            return None
        kind = match.lastgroup or ""
        if kind not in ("space", "comment"):
            tokens.append(_Token(kind, match[0], place))
        place = match.end()
    return tokens


def _structure(tokens: list[_Token]) -> tuple[Mapping[int, int], list[int], int]:
    """The opening bracket of each closing one, those that are open at the end, and the first token of the statement."""
    partners: dict[int, int] = {}
    opened: list[int] = []
    first = 0
    for index, token in enumerate(tokens):
        if token.kind == "open":
            opened.append(index)
        elif token.kind == "close" and opened and _CLOSED_BY[tokens[opened[-1]].text] == token.text:
            partners[index] = opened.pop()
        elif not opened and token.text in ("\n", ";"):
            first = index + 1
    return partners, opened, first


def _expression_before(text: str, tokens: list[_Token], partners: Mapping[int, int], dot: int) -> str:
    """The expression that ends before a token, a dot or an opening bracket; "" for one of other parts than names,
    strings, brackets and dots."""
    index = dot - 1
    while index >= 0:
        token = tokens[index]
        if token.kind == "close":
            if index not in partners:
                return ""
            index = partners[index]
            if not _may_be_called(tokens, index):
                break
            index -= 1
            continue
        if token.kind == "string":
            break
        if token.kind != "name" or keyword.iskeyword(token.text):
            return ""
        if index == 0 or tokens[index - 1].text != ".":
            break
        index -= 2
    else:
        return ""
    return text[tokens[index].start : tokens[dot].start].rstrip()


def _may_be_called(tokens: list[_Token], bracket: int) -> bool:
    """Whether an opening bracket stands behind a value."""
    if bracket == 0:
        return False
    before = tokens[bracket - 1]
    return before.kind in ("close", "string") or (before.kind == "name" and not keyword.iskeyword(before.text))


def _call(text: str, tokens: list[_Token], partners: Mapping[int, int], bracket: int) -> Call | None:
    if not _may_be_called(tokens, bracket):
        return None
    function = _expression_before(text, tokens, partners, bracket)
    if not function:
        return None
    named: set[str] = set()
    arguments, depth = 0, 0
    for index in range(bracket + 1, len(tokens)):
        token = tokens[index]
        depth += (token.kind == "open") - (token.kind == "close")
        if depth == 0 and token.text == ",":
            arguments += 1
        elif depth == 0 and token.text == "=":
            named.add(tokens[index - 1].text)
        elif depth == 0 and token.text in ("*", "**"):
            return None  # how many arguments there are is not known
    return Call(function, arguments - len(named), frozenset(named))


class Binding(NamedTuple):
    """That a name is bound: by which statement, and whether for the module or for a function or class within it."""

    name: str
    node: ast.AST
    inner: bool


def bindings(module: ast.Module) -> Iterator[Binding]:
    """Everything that binds a name in `module`, in the order of the code."""
    return _bindings(module, False)


def _bindings(node: ast.AST, inner: bool) -> Iterator[Binding]:
    for child in ast.iter_child_nodes(node):
        within = inner
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield Binding(child.name, child, inner)
            within = True
        elif isinstance(child, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            within = True
        elif isinstance(child, ast.arg):
            yield Binding(child.arg, child, inner)
        elif isinstance(child, (ast.Import, ast.ImportFrom)):
            for alias in child.names:
                name = alias.asname or (alias.name.split(".")[0] if isinstance(child, ast.Import) else alias.name)
                yield Binding(name, child, inner)
        elif isinstance(child, ast.Assign) and (target := _plain_target(child)) and not inner:
            yield Binding(target, child, inner)
            yield from _bindings(child.value, inner)
            continue
        elif isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
            yield Binding(child.id, child, inner)
        elif isinstance(child, (ast.Global, ast.Nonlocal)):
            for name in child.names:
                yield Binding(name, child, inner)
        elif (isinstance(child, ast.ExceptHandler) and child.name) or (
            isinstance(child, (ast.MatchAs, ast.MatchStar)) and child.name
        ):
            yield Binding(child.name, child, inner)
        elif isinstance(child, ast.MatchMapping) and child.rest:
            yield Binding(child.rest, child, inner)
        yield from _bindings(child, within)


def _plain_target(statement: ast.Assign) -> str:
    """The name that a statement assigns to and nothing else; "" if it assigns to something else."""
    target = statement.targets[0]
    return target.id if len(statement.targets) == 1 and isinstance(target, ast.Name) else ""
