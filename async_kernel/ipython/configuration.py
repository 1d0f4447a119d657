"""IPython's own configuration by name: `--IPCompleter.use_jedi=False` on the command line or in a spec.

Every configurable trait of IPython's shell and its parts can be set. The values are text until IPython reads them, by
the rules of traitlets; `check` tries that before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from traitlets import HasTraits, TraitError, TraitType
from traitlets.config import Configurable
from traitlets.config.loader import DeferredConfigList

from async_kernel.errors import UsageError
from async_kernel.settings.values import literal

__all__ = ["check", "sections"]

_HOMES = (
    "IPython.core.application",
    "IPython.core.completer",
    "IPython.core.magics",
    "IPython.core.magics.script",
    "IPython.core.magics.logging",
    "IPython.core.magics.osm",
    "IPython.extensions.storemagic",
    "async_kernel.ipython.profile",
)
"""The modules whose import defines the configurables."""

_LATER = {"InlineBackend": "matplotlib_inline.config"}
"""Those whose module imports matplotlib. A start leaves them to the first plot; for a spec that is written they are
imported."""


def sections(attributes: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """The part of IPython's config that the attributes give, by section.

    `{"IPCompleter.use_jedi": "False", "shell.timeout": 1}` gives `{"IPCompleter": {"use_jedi": "False"}}`, whose text
    traitlets converts when a completer is made. Raises UsageError as `check` does.
    """
    check(attributes, plots=False)
    found: dict[str, dict[str, object]] = {}
    for section, trait, given in _traits(attributes):
        found.setdefault(section, {})[trait] = _deferred(given)
    return found


def check(attributes: Mapping[str, Any], plots: bool = True) -> None:
    """Raise UsageError for an attribute that IPython does not have or take, with the nearest that it has.

    Attributes that are not IPython's own are passed over. `plots` says whether traits that need matplotlib are checked,
    too.
    """
    for section, name, given in _traits(attributes):
        if section in _LATER and (not plots or not _imported(_LATER[section])):
            continue
        classes = _configurables()
        traits = classes[section].class_traits(config=True) if section in classes else {}
        if name not in traits:
            raise _unknown(section, name, classes)
        try:
            _validate(section, traits[name], _deferred(given))
        except (TraitError, ValueError, TypeError) as error:
            raise UsageError(
                f"--{section}.{name} cannot be {given!r}: {error}", " ".join(str(traits[name].help).split())
            ) from None


def _traits(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str, str | tuple[str, ...]]]:
    for path, given in attributes.items():
        section, _, trait = path.partition(".")
        if section[:1].isupper():
            yield section, trait, given


def _deferred(given: str | tuple[str, ...]) -> object:
    """The value in the config: text in the form in which traitlets' own command line leaves it, of one item for what
    may be a list, or the list, tuple, set or dict that the text spells."""
    if isinstance(given, tuple):
        return DeferredConfigList(given)
    value = literal(given)
    return value if isinstance(value, list | tuple | set | dict) else DeferredConfigList([given])


def _configurables() -> dict[str, type[Configurable]]:
    """Every configurable class of IPython and of the loaded modules, by name."""
    for module in _HOMES:
        _imported(module)
    found: dict[str, type[Configurable]] = {}
    waiting: list[type[Configurable]] = [Configurable]
    while waiting:
        for each in waiting.pop().__subclasses__():
            if each.__name__ not in found:
                found[each.__name__] = each
                waiting.append(each)
    return found


def _imported(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True


def _validate(section: str, trait: TraitType[Any, Any], value: object) -> None:
    owner = type(section, (HasTraits,), {})()  # whose class is named in the error
    trait._validate(owner, value.get_value(trait) if isinstance(value, DeferredConfigList) else value)


def _unknown(section: str, name: str, classes: Mapping[str, type[Configurable]]) -> UsageError:
    from difflib import get_close_matches

    if section in classes:
        near = get_close_matches(name, classes[section].class_trait_names(config=True), 1)
    else:
        having = [each for each in classes if name in classes[each].class_trait_names(config=True)]
        near = get_close_matches(section, having, 1, 0.4) or get_close_matches(section, list(classes), 1)
    missing = f"{section} has no setting {name}" if section in classes else f"There is no {section} to be configured"
    right = f"--{section}.{near[0]}" if section in classes and near else f"--{near[0]}.{name}" if near else ""
    return UsageError(f"--{section}.{name}: {missing}.", f"Did you mean {right}?" if right else "")
