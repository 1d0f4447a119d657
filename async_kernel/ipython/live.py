"""Completions out of the values that are there, where jedi would give the same from them.

jedi reads source code to find out the meaning of names: 20 ms for a name, 100 ms for an attribute of a string, seconds
for its first look at a library. Most names that are completed have a value, which IPython's own evaluator finds in less
than a millisecond: those of the namespace, and the modules that the cell imports and that are loaded already. All that
the cell itself defines, and that only source code tells, stays jedi's.

The types and signatures are those that jedi gives for values.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import sys
import types
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from async_kernel.ipython import static
from async_kernel.ipython.cursor import Call, Position, bindings, find_position

__all__ = ["LiveCompletion", "live_completions"]

MOST_SIGNATURES = 400
"""Of longer lists no signatures are given: they are narrowed by typing before anybody reads one."""

_VALUES = ("None", "True", "False")
_AT_EXPRESSION = (*_VALUES, "await", "lambda", "not")
_STATEMENTS = """
    assert async break class continue def del for from global if import nonlocal pass raise return try while with yield
"""
_AT_STATEMENT = (*_AT_EXPRESSION, *_STATEMENTS.split())
_SOMETIMES = ("case", "elif", "else", "except", "finally", "match", "type", "yield")
"""Keywords of which the grammar decides whether they may stand there."""

_HIDDEN = {2: "_", 1: "__", 0: None}


class LiveCompletion:
    """A completion, with the attributes by which IPython asks jedi's. `kind` is its type, "" for that of its `value`,
    which is looked at when it is asked for. `bound` tells that the value is had from an
    instance, which fills its first parameter."""

    __slots__ = ("_bound", "_kind", "_signed", "_value", "complete", "name", "name_with_symbols")

    def __init__(
        self,
        name: str,
        start: str,
        kind: str,
        value: object = static.UNKNOWN,
        bound: bool = False,
        signed: bool = True,
    ) -> None:
        self.name = self.name_with_symbols = name
        self.complete = name[len(start) :]
        self._kind = kind
        self._value = value
        self._bound = bound
        self._signed = signed

    @property
    def type(self) -> str:
        """The type, for example "function"."""
        return self._kind or _type_of(self._value)

    def get_signatures(self) -> list[Signature]:
        """Its signature, if one is known."""
        text = signature_of(self._value, self._bound) if self._signed else ""
        return [Signature(f"{self.name}{text}")] if text else []


class Signature:
    """A signature, as jedi gives one."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def to_string(self) -> str:
        """The signature, for example "f(x: int=1) -> str"."""
        return self._text


def live_completions(completer: Any, text: str) -> list[LiveCompletion] | None:
    """The completions at the end of `text` with the settings of `completer`; None when they are jedi's to find."""
    position = find_position(text)
    if position is None:
        return None
    scope = _Scope(completer, position)
    if "*" in scope.bound:
        return None
    if position.owner:
        return _attributes(completer, position, scope)
    return _names(position, scope)


class _Scope:
    """The names at a position, and their values."""

    def __init__(self, completer: Any, position: Position) -> None:
        self._namespaces = [completer.namespace, completer.global_namespace or {}]
        self._evaluation = completer.evaluation
        self._module = position.before
        self.bound: dict[str, list[Any]] = {}
        for binding in bindings(position.before):
            self.bound.setdefault(binding.name, []).append(binding)

    def names(self) -> Iterator[Mapping[str, Any]]:
        """The namespaces, the innermost first, with that of Python's own names."""
        yield from self._namespaces
        yield vars(builtins)

    def evaluate(self, expression: str) -> object:
        """The value of an expression as IPython's evaluator tells it, without running the user's code; UNKNOWN."""
        if self._evaluation not in ("limited", "unsafe", "dangerous"):  # less is allowed than there is to do
            return static.UNKNOWN
        try:
            tree = ast.parse(expression, mode="eval")
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return static.UNKNOWN
        return self._evaluate(tree.body, len(self._module.body))

    def _evaluate(self, tree: ast.expr, end: int) -> object:
        """The value of an expression that stands behind so many statements."""
        from IPython.core.guarded_eval import EvaluationContext, guarded_eval

        if any(isinstance(node, (ast.IfExp, ast.BoolOp, ast.NamedExpr)) for node in ast.walk(tree)):
            return static.UNKNOWN  # jedi would see all that it may be
        overlay: dict[str, Any] = {}
        for name in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & self.bound.keys():
            overlay[name] = self.value(name, end)
            if overlay[name] is static.UNKNOWN:
                return static.UNKNOWN
        local = {**self._namespaces[0], **overlay} if overlay else self._namespaces[0]
        context = EvaluationContext(locals=local, globals=self._namespaces[1], evaluation="limited")
        try:
            return guarded_eval(ast.unparse(tree), context)
        except Exception:
            return static.UNKNOWN

    def value(self, name: str, end: int) -> object:
        """The value of a name that the code before the cursor binds, behind so many of its statements, if they say it
        plainly: a module or a part of one that is loaded, or the latest of some assignments."""
        bound = self.bound[name]
        body = self._module.body
        assignments = [(place, one) for place, one in enumerate(body) if isinstance(one, ast.Assign)]
        plain = [(place, one) for place, one in assignments if any(one is binding.node for binding in bound)]
        if len(plain) == len(bound):
            place, latest = next(((place, one) for place, one in reversed(plain) if place < end), (0, None))
            return static.UNKNOWN if latest is None else self._evaluate(latest.value, place)
        values = [_imported(one.node, name) for one in bound]
        return values[0] if all(value is values[0] for value in values) else static.UNKNOWN


def _imported(node: ast.AST, name: str) -> object:
    """The value that an import statement gives a name, if it is loaded already."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if (alias.asname or alias.name.split(".")[0]) == name and alias.name in sys.modules:
                return sys.modules[alias.name if alias.asname else name]
    if isinstance(node, ast.ImportFrom) and not node.level:
        for alias in node.names:
            module = sys.modules.get(node.module or "")
            if (alias.asname or alias.name) == name and type(module) is types.ModuleType:
                return vars(module).get(alias.name, static.UNKNOWN)
    return static.UNKNOWN


def _attributes(completer: Any, position: Position, scope: _Scope) -> list[LiveCompletion] | None:
    owner = scope.evaluate(position.owner)
    if owner is static.UNKNOWN:
        return None
    try:
        names = {name for name in dir(owner) if isinstance(name, str)}
        if isinstance(owner, type):
            names.update(dir(type(owner)))
    except Exception:
        return None
    if all(name.startswith("__") for name in names):  # often a value of the evaluator's that stands for another
        return None
    hidden = _HIDDEN[completer.omit__names] if position.after_dot else None
    found = [name for name in names if name.startswith(position.start) and not (hidden and name.startswith(hidden))]
    find = static.finder(owner)
    is_own = isinstance(owner, (type, types.ModuleType))
    own = {} if is_own else _own(owner)
    signed = len(found) <= MOST_SIGNATURES
    return [
        LiveCompletion(name, position.start, "", *_attribute(owner, find(name), is_own or name in own), signed)
        for name in _sorted(found)
    ]


def _attribute(owner: object, value: object, is_own: bool) -> tuple[object, bool]:
    """The value of an attribute that was found as `value` in a dictionary, without running a descriptor of the user's,
    and whether it is bound to `owner`."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__, isinstance(value, classmethod)
    if is_own or type(value) not in (types.GetSetDescriptorType, types.MemberDescriptorType):
        return value, not is_own
    try:
        return value.__get__(owner), False  # type: ignore[attr-defined]  # both kinds have it
    except Exception:
        return static.UNKNOWN, False


def _own(owner: object) -> Mapping[str, Any]:
    own = getattr(owner, "__dict__", None)
    return own if type(own) is dict else {}


def _names(position: Position, scope: _Scope) -> list[LiveCompletion] | None:
    start = position.start
    found: dict[str, LiveCompletion] = {}
    only_named = False
    if position.call is not None:
        named = _parameters(scope.evaluate(position.call.function), position.call)
        if named is None:
            return None
        parameters, only_named = named
        for name in parameters:
            if name.startswith(start):
                found[f"{name}="] = LiveCompletion(f"{name}=", start, "param")
    if not only_named:
        keywords = _keywords(position)
        if keywords is None:
            return None
        for name in keywords:
            if name.startswith(start):
                found[name] = LiveCompletion(name, start, "keyword")
        for name, bound in scope.bound.items():
            if not name.startswith(start):
                continue
            if all(one.inner for one in bound) and not position.indented:
                continue
            if any(one.inner for one in bound):
                return None
            value = _imported(bound[-1].node, name)
            if all(isinstance(one.node, ast.Assign) for one in bound):
                found[name] = LiveCompletion(name, start, "statement")
            elif len(bound) == 1 and value is not static.UNKNOWN:
                found[name] = LiveCompletion(name, start, "", value)
            else:
                return None
        for namespace in scope.names():
            for name in [name for name in namespace if isinstance(name, str) and name not in found]:
                if name.startswith(start):
                    found[name] = LiveCompletion(name, start, "", namespace[name])
    return [found[name] for name in _sorted(found)]


def _keywords(position: Position) -> Iterable[str] | None:
    """The keywords that jedi knows at a position; None when the code around it decides."""
    if not position.after_space:
        return _VALUES
    if position.start and any(name.startswith(position.start) for name in _SOMETIMES):
        return None
    if position.behind == "=" and position.call is None:
        return (*_AT_EXPRESSION, "yield")
    return _AT_EXPRESSION if position.behind else _AT_STATEMENT


def _parameters(function: object, call: Call) -> tuple[list[str], bool] | None:
    """The parameters that can be given by name in a call, and whether one must be; None when it is not known."""
    if function is static.UNKNOWN:
        return None
    try:
        parameters = [*inspect.signature(function).parameters.values()]  # type: ignore[arg-type]  # TypeError
    except Exception:  # there is none, or annotations and `__signature__` are code that fails
        return None
    named = [
        one.name
        for place, one in enumerate(parameters)
        if (one.kind is one.KEYWORD_ONLY or (one.kind is one.POSITIONAL_OR_KEYWORD and place >= call.positional))
        and one.name not in call.named
    ]
    more = [one for place, one in enumerate(parameters) if place >= call.positional]
    takes_more = any(one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) for one in more)
    takes_any = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    return named, bool(call.named) or not (takes_more or takes_any)


def _sorted(names: Iterable[str]) -> list[str]:
    """In the order of jedi: names that begin with underscores are the last."""
    return sorted(sorted(names), key=lambda name: (name.startswith("__"), name.startswith("_"), name.lower()))


def _type_of(value: object) -> str:
    """The type of a value as jedi names it."""
    if value is static.UNKNOWN or type(value) is types.WrapperDescriptorType:
        return "instance"
    return static.kind(value)


def signature_of(value: object, bound: bool) -> str:
    """The signature of a function, "(x: int=1) -> str", without its first parameter when it is `bound`; "" when it is
    not known."""
    if isinstance(value, types.MethodType):
        value, bound = value.__func__, True
    text = getattr(value, "__text_signature__", None) if static.kind(value) == "function" else None
    if isinstance(value, types.FunctionType) or (isinstance(text, str) and _NAMED_DEFAULT.search(text)):
        return _written(value, bound)
    if not isinstance(text, str):
        return ""
    if isinstance(value, types.BuiltinFunctionType) and not isinstance(value.__self__, types.ModuleType):
        bound = True
    text = " ".join(text.split())
    for first in ("$self", "$module", "$type"):
        if text.startswith(f"({first}"):
            rest = text[len(first) + 1 :]
            if bound or first != "$self":
                return f"({rest.removeprefix(', /').removeprefix(', ')}"
            return f"({first[1:]}{rest}"
    return text


_NAMED_DEFAULT = re.compile(r"=[\w.]*[a-z_]\.")
"""In the text of a signature: a default such as `sys.maxsize`."""


def _written(function: Any, bound: bool) -> str:
    """The signature of a function of Python, in the form of jedi."""
    with suppress(Exception):  # annotations, defaults and `__wrapped__` may be anything
        signature = inspect.signature(function)
        parameters = [*signature.parameters.values()][1 if bound else 0 :]
        parts: list[str] = []
        star = slash = False
        for one in parameters:
            if slash and one.kind is not one.POSITIONAL_ONLY:
                parts.append("/")
                slash = False
            slash = slash or one.kind is one.POSITIONAL_ONLY
            if one.kind is one.KEYWORD_ONLY and not star:
                parts.append("*")
                star = True
            star = star or one.kind is one.VAR_POSITIONAL
            mark = "*" if one.kind is one.VAR_POSITIONAL else "**" if one.kind is one.VAR_KEYWORD else ""
            text = f"{mark}{one.name}"
            if one.annotation is not one.empty:
                text += f": {inspect.formatannotation(one.annotation)}"
            if one.default is not one.empty:
                text += f"={one.default!r}"
            parts.append(text)
        if slash:
            parts.append("/")
        returns = signature.return_annotation
        end = "" if returns is signature.empty else f" -> {inspect.formatannotation(returns)}"
        return f"({', '.join(parts)}){end}"
    return ""
