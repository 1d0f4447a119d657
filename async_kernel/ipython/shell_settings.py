"""Attributes of the shell set by name: `--shell.timeout=0.1` on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from traitlets import HasTraits, TraitError

from async_kernel.errors import UsageError
from async_kernel.ipython import configuration

__all__ = ["config_sections", "set_attributes", "shell_attributes"]

_OTHER_OWNERS = ("kernel.", "history.", "interface.", "gateway.")


def shell_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `attributes` that the shell has, without their prefix: `{"shell.timeout": 1}` gives `{"timeout": 1}`.

    None is no value: the default stays.
    """
    return {
        path.removeprefix("shell."): value
        for path, value in attributes.items()
        if value is not None and not path.startswith(_OTHER_OWNERS) and not path[:1].isupper()
    }


def _in_home(value: Any) -> Any:
    """A path that begins with the user's home by its sign: shells leave that in `--name=~/x`, and read no specs."""
    return str(Path(value).expanduser()) if isinstance(value, str) and value.startswith("~") else value


def config_sections(
    shell_class: type[HasTraits], attributes: Mapping[str, Any]
) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The part of `attributes` for IPython's config, by section, and the part to be set once the shell is there.

    `{"shell.xmode": "Plain", "history.hist_file": ":memory:"}` gives
    `({"ZMQInteractiveShell": {"xmode": "Plain"}, "HistoryManager": {"hist_file": ":memory:"}}, {})`.
    """
    traits = shell_class.class_trait_names(config=True)
    own = shell_attributes(attributes)
    sections: dict[str, dict[str, Any]] = {**configuration.sections(attributes)}
    sections.setdefault(shell_class.__name__, {}).update({name: own[name] for name in own if name in traits})
    sections.setdefault("HistoryManager", {}).update(
        {
            path.removeprefix("history."): _in_home(value)
            for path, value in attributes.items()
            if value is not None and path.startswith("history.")
        }
    )
    folder = attributes.get("kernel.profile_dir")
    if folder is not None:
        sections.setdefault("ProfileDir", {})["location"] = _in_home(folder)
    return sections, {name: value for name, value in own.items() if name not in traits}


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
        from difflib import get_close_matches

        known = list(owner.trait_names()) if isinstance(owner, HasTraits) else []
        near = get_close_matches(name, [*known, *(n for n in dir(owner) if not n.startswith("_"))], n=1)
        raise UsageError(f"The shell has no attribute {path}.", f"Did you mean {near[0]}?" if near else "")
