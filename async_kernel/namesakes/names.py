"""Our classes under the names by which libraries recognise those of ipykernel.

click, typer and plotly read `type(x).__module__`, others compare `type(x).__name__`; `isinstance` goes by the module's
attribute. One class has to answer all three, so it is renamed, not wrapped.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = ["give_names_back", "known_as"]

_Class = TypeVar("_Class", bound=type)

_renamed: list[tuple[type, str, str]] = []


def known_as(kind: _Class, module: str, name: str) -> _Class:
    """`kind` itself, which says from now on that it is the class `name` of `module`."""
    _renamed.append((kind, kind.__module__, kind.__name__))
    kind.__module__, kind.__name__, kind.__qualname__ = module, name, name
    return kind


def give_names_back() -> None:
    """Call all classes by their own names again."""
    while _renamed:
        kind, module, name = _renamed.pop()
        kind.__module__, kind.__name__, kind.__qualname__ = module, name, name
