"""A start interface that is no dotted path: a function whose source lies beside the spec.

`freeze` takes a self-contained function and gives the file to store and the text for the spec's argv. The file is found
again where the spec then is: jupyter_client replaces `{resource_dir}` in argv by the spec's folder, wherever that was
moved to.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from async_kernel.errors import UsageError

__all__ = ["RESOURCE_DIR", "Frozen", "freeze", "why_not_found"]

RESOURCE_DIR = "{resource_dir}"


class Frozen(NamedTuple):
    """A function as text. `argument` is for `--start_interface`, for example
    "{resource_dir}/start_interface_0123456789abcdef.py:start"."""

    file_name: str
    content: bytes
    argument: str


def freeze(function: Callable[..., Any]) -> Frozen:
    """The source of `function`, to be stored beside a spec.

    The function has to stand on its own: it imports its modules inside itself. Raises `UsageError` for one that does
    not, and for a lambda, a method, a closure, or a function whose source is not to be had.
    """
    from hashlib import sha256
    from inspect import getsource
    from textwrap import dedent

    if not isinstance(function, FunctionType) or not function.__name__.isidentifier():
        raise UsageError(
            f"{function!r} is not a function with a name.", "Give a function defined by def, or a dotted path."
        )
    outside = sorted({*function.__code__.co_freevars, *_globals_used(function)})
    if outside:
        raise UsageError(
            f"{function.__name__} uses names from outside the function: {', '.join(outside)}.",
            "Import or define them inside the function, or give a dotted path.",
        )
    try:
        source = dedent(getsource(function))
    except (OSError, TypeError):
        raise UsageError(f"The source of {function.__name__} cannot be found.", "Give a dotted path.") from None
    content = f"from __future__ import annotations\n\n{source}"
    _prove(content, function.__name__)
    encoded = content.encode()
    file_name = f"start_interface_{sha256(encoded).hexdigest()[:16]}.py"
    return Frozen(file_name, encoded, f"{RESOURCE_DIR}/{file_name}:{function.__name__}")


def why_not_found(path: str) -> str:
    """Why the interface that a setting names cannot be found from here, else an empty string. Nothing is imported.

    `why_not_found("no_such_module.start") == "there is no module no_such_module"`. A module may define its names in
    ways that its text does not show; where it may, none is missed.
    """
    module, _, name = path.rpartition(":" if ":" in path else ".")
    if module.startswith(RESOURCE_DIR):
        return ""
    file = module if module.endswith(".py") else _file_of(module)
    if file is None:
        return f"there is no module {module}" if module else "it names no module"
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return f"there is no file {file}" if file == module else ""  # a compiled module: its names are its own
    hidden = "__getattr__" in text or "globals()" in text or "import *" in text
    return "" if hidden or re.search(rf"\b{re.escape(name)}\b", text) else f"{module} has no {name}"


def _file_of(module: str) -> str | None:
    """The file of a module, found without importing the packages that it is in; empty where it has none."""
    from importlib.machinery import PathFinder
    from importlib.util import find_spec

    top, *rest = module.split(".")
    try:
        spec = find_spec(top) if top else None  # asks every finder: an editable installation may have one of its own
    except (ImportError, ValueError):
        return "" if top in sys.modules else None
    for part in rest:
        if spec is None or not part:
            return None
        spec = PathFinder.find_spec(f"{spec.name}.{part}", spec.submodule_search_locations or [])
    return None if spec is None else spec.origin or ""


def _prove(source: str, name: str) -> None:
    """Define the function in an empty module: its decorators and defaults must not need anything from outside."""
    namespace: dict[str, Any] = {}
    try:
        exec(compile(source, name, "exec"), namespace)  # noqa: S102  # as the kernel will
    except Exception as error:
        raise UsageError(
            f"The source of {name} cannot be used alone: {error}", "Leave out decorators and computed defaults."
        ) from None


def _globals_used(function: FunctionType) -> Iterator[str]:
    import builtins
    import dis

    def codes(code: CodeType) -> Iterator[CodeType]:
        yield code
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                yield from codes(constant)

    for code in codes(function.__code__):
        for instruction in dis.get_instructions(code):
            name = instruction.argval
            if instruction.opname not in {"LOAD_GLOBAL", "LOAD_NAME"} or name == function.__name__:
                continue
            if isinstance(name, str) and not name.startswith("__") and not hasattr(builtins, name):
                yield name
