"""Descriptions of names without running any of the user's code: values are looked at, and nothing is called.

While a cell keeps its thread to itself, completion and inspection are answered by another thread. There nothing may run
that the user has written, nor code that libraries expect to run in one thread at a time: no `__getattr__`,
`__dir__`, `__repr__`, `__class__` or property, no module's `__getattr__` (PEP 562). So attributes are those that stand
in the dictionaries of an object and its classes, and the result of a property is not known.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import re
import textwrap
import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

__all__ = ["UNKNOWN", "attribute_names", "describe", "dotted_name", "find", "finder", "kind", "parts", "summary"]

UNKNOWN = object()
"""Stands for a value that only code could tell."""

_DOTTED = re.compile(r"(?<![\w.)\]}'\"])((?:[^\W\d]\w*\.)*)([^\W\d]\w*)?$")
_PLAIN = (int, float, complex, bool, str, bytes, type(None), range)
_CONTAINERS = (list, tuple, dict, set, frozenset)
_LONGEST = 200
_MOST = 100

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_name_of = type.__dict__["__name__"].__get__
_module_dict = vars(types.ModuleType)["__dict__"].__get__


def dotted_name(text: str) -> tuple[list[str], str] | None:
    """The name that `text` ends in: the names before the last dot, and the rest; None when it ends in none.

    "x = np.linalg.no" gives `(["np", "linalg"], "no")`; "f().a" gives None: only code could evaluate `f()`.
    """
    match = _DOTTED.search(text)
    if match is None:
        return None
    return match[1].split(".")[:-1], match[2] or ""


def find(names: Sequence[str], namespaces: Sequence[Mapping[str, Any]]) -> object:
    """The value of a dotted name, or UNKNOWN. Names are looked up in the namespaces, then among Python's own."""
    first, *rest = names
    found: object = UNKNOWN
    for namespace in (*namespaces, vars(builtins)):
        if first in namespace:
            found = namespace[first]
            break
    for name in rest:
        found = _attribute(found, name)
    return found


def _attribute(value: object, name: str) -> object:
    if value is UNKNOWN:
        return UNKNOWN
    found = finder(value)(name)
    kind = type(found)
    if kind is staticmethod or kind is classmethod:
        return found.__func__  # type: ignore[attr-defined]  # by its kind
    if kind is types.MemberDescriptorType:  # a slot
        with suppress(AttributeError, TypeError):
            return found.__get__(value)  # type: ignore[attr-defined]  # by its kind
        return UNKNOWN
    return UNKNOWN if not _is_function(found) and _has(found, "__get__") else found


def finder(value: object) -> Callable[[str], object]:
    """A function that looks up names in the dictionaries of `value`, as `object.__getattribute__` goes through them.
    `inspect.getattr_static` does too, but passes through descriptors that a metaclass may have defined."""
    own, classes = _dictionaries(value)

    def look(name: str) -> object:
        of_class = next((one[name] for one in classes if name in one), UNKNOWN)
        if of_class is not UNKNOWN and (_has(of_class, "__set__") or _has(of_class, "__delete__")):
            return of_class
        return next((one[name] for one in own if name in one), of_class)

    return look


def _dictionaries(value: object) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """The dictionaries of `value` itself, those of its bases when it is a class, and those of its classes."""
    owners = _mro_of(type(value))
    classes = [_dict_of(owner) for owner in owners]
    if types.ModuleType in owners:
        return [_module_dict(value)], classes
    if type in owners:
        return [_dict_of(owner) for owner in _mro_of(value)], classes
    entry = next((one["__dict__"] for one in classes if "__dict__" in one), None)
    # Else a class has a `__dict__` of its own making, which is code.
    return [entry.__get__(value)] if type(entry) is types.GetSetDescriptorType else [], classes


def _has(value: object, name: str) -> bool:
    return any(name in _dict_of(owner) for owner in _mro_of(type(value)))


def attribute_names(value: object) -> list[str]:
    """The names of the attributes that stand in the dictionaries of `value` and of its classes, sorted; of a module
    its own."""
    own, classes = _dictionaries(value)
    dictionaries = own if types.ModuleType in _mro_of(type(value)) else own + classes
    return sorted({name for one in dictionaries for name in _strings(one)})


def _strings(names: Mapping[Any, Any]) -> list[str]:
    return [name for name in list(names) if type(name) is str]


def _is_function(value: object) -> bool:
    return type(value) in (
        types.FunctionType,
        types.MethodType,
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.ClassMethodDescriptorType,
        types.WrapperDescriptorType,
    )


def kind(value: object) -> str:
    """The kind that front ends draw beside a completion: "function", "class", "module", "instance"; "" for UNKNOWN."""
    if value is UNKNOWN:
        return ""
    if _is_function(value):
        return "function"
    owners = _mro_of(type(value))
    if type in owners:
        return "class"
    return "module" if types.ModuleType in owners else "instance"


def describe(name: str, value: object, detail_level: int) -> str:
    """The description of a value, as text for a tooltip: its type, a plain value, the signature, docstring and
    source."""
    fields = [("Type", _type_name(value)), ("Value", _plain(value)), ("Length", _length(value))]
    function = _function_of(value)
    source = _source(function)
    fields.append(("Signature", _signature(name, function, source)))
    fields.append(("Docstring", _docstring(value)))
    if detail_level and function is not None:
        fields.append(("Source", source))
        fields.append(("File", function.__code__.co_filename))
    lines = []
    for title, text in fields:
        if text:
            lines.append(f"{title}:\n{text}" if "\n" in text else f"{title + ':':<11} {text}")
    return "\n".join(lines)


def summary(value: object) -> tuple[str, str]:
    """The type of a value and its content, on a line: `("list", "[1, 'a', <Point>]")`, `("Point", "<Point>")`."""
    name = _type_name(value)
    if type(value) in _PLAIN:
        return name, _plain(value)
    if type(value) not in _CONTAINERS:
        return name, f"<{kind(value)}>" if kind(value) != "instance" else f"<{name}>"
    container: Any = value
    # In one step, in which the GIL is not given up: another thread may be changing it.
    some = list(islice(container.items() if type(value) is dict else container, _MOST + 1))
    items = [
        f"{_element(one[0])}: {_element(one[1])}" if type(value) is dict else _element(one) for one in some[:_MOST]
    ]
    items += ["…"] if len(some) > _MOST else []
    left, right = ("[", "]") if type(value) is list else ("(", ")") if type(value) is tuple else ("{", "}")
    text = f"{left}{', '.join(items)}{right}"
    return name, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _element(value: object) -> str:
    return _plain(value) or f"<{_type_name(value)}>"


def parts(value: object) -> dict[str, object]:
    """The parts of a value, by the text that would follow its name in code: `{"[0]": 1}` of a list, `{"['a']": 1}` of a
    dict, `{".x": 2}` of an object; of a long one the first."""
    if type(value) in (list, tuple):
        sequence: Any = value
        return {f"[{index}]": item for index, item in enumerate(sequence[:_MOST])}
    if type(value) is dict:
        pairs = [(key, item) for key, item in list(islice(value.items(), _MOST)) if type(key) in _PLAIN]
        return {f"[{key!r}]": item for key, item in pairs}
    if kind(value) != "instance" or type(value) in (*_PLAIN, *_CONTAINERS):
        return {}
    own, _ = _dictionaries(value)
    return {f".{name}": one[name] for one in own for name in _strings(one)[:_MOST]}


def _type_name(value: object) -> str:
    return str(_name_of(type(value)))


def _plain(value: object) -> str:
    """The text of a value whose `__repr__` only Python itself can have defined."""
    if type(value) not in _PLAIN:
        return ""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _length(value: object) -> str:
    sized: Any = value
    return str(len(sized)) if type(value) in (*_CONTAINERS, str, bytes) else ""


def _function_of(value: object) -> types.FunctionType | None:
    """The Python function behind a function, method or class."""
    if type(value) is types.MethodType:
        value = value.__func__
    elif type in _mro_of(type(value)):
        for owner in _mro_of(value):
            if "__init__" in _dict_of(owner):
                value = _dict_of(owner)["__init__"]
                break
    return value if type(value) is types.FunctionType else None


def _source(function: types.FunctionType | None) -> str:
    """The source of a function; "" when it cannot be had. `inspect.getsource` asks all modules for attributes."""
    if function is None:
        return ""
    code = function.__code__
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    try:
        return textwrap.dedent("".join(inspect.getblock(lines))).rstrip() if lines else ""
    except (SyntaxError, IndentationError):
        return ""


def _signature(name: str, function: types.FunctionType | None, source: str) -> str:
    """A signature as it is written, since defaults and annotations are shown by code of their own."""
    if function is None:
        return ""
    with suppress(SyntaxError, ValueError):
        (definition,) = ast.parse(source).body
        if isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)):
            returns = f" -> {ast.unparse(definition.returns)}" if definition.returns is not None else ""
            return f"{name}({ast.unparse(definition.args)}){returns}"
    code = function.__code__
    shown = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return f"{name}({', '.join(shown)})"


def _docstring(value: object) -> str:
    owners = _mro_of(type(value))
    text: object = None
    if _is_function(value):
        text = value.__doc__
    elif types.ModuleType in owners:
        text = _module_dict(value).get("__doc__")
    elif type in owners:
        text = _dict_of(value).get("__doc__")
    elif type(value) not in (*_PLAIN, *_CONTAINERS):
        text = _dict_of(type(value)).get("__doc__")
    return inspect.cleandoc(text) if type(text) is str else ""
