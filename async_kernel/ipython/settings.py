"""Attributes of the shell set by name: `--shell.timeout=0.1` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from traitlets import HasTraits, TraitError

from async_kernel.errors import UsageError

__all__ = ["set_attributes"]


def set_attributes(target: object, attributes: Mapping[str, Any]) -> None:
    """Set each attribute of `target`; a name with dots goes on to an attribute of an attribute.

    Raises UsageError for a name that is not there (naming the nearest that is) and for a value that is refused.
    """
    for path, value in attributes.items():
        owner = target
        *parents, name = path.split(".")
        for parent in parents:
            _check(owner, parent, path)
            owner = getattr(owner, parent)
        _check(owner, name, path)
        try:
            setattr(owner, name, value)
        except (TraitError, AttributeError, TypeError, ValueError) as error:
            raise UsageError(f"shell.{path} cannot be {value!r}: {error}") from error


def _check(owner: object, name: str, path: str) -> None:
    if name.startswith("_") or not hasattr(owner, name):
        known = list(owner.trait_names()) if isinstance(owner, HasTraits) else []
        near = get_close_matches(name, [*known, *(n for n in dir(owner) if not n.startswith("_"))], n=1)
        raise UsageError(f"The shell has no attribute {path}.", f"Did you mean {near[0]}?" if near else "")
