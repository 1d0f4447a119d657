"""argv to a typed command, and settings back to argv. Written by hand from the table of options.

Every mistake is a `UsageError` that names the nearest thing that would have been right. Nothing here touches the disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from async_kernel.errors import UsageError

from .commands import (
    CONNECTION_FILE_FIELD,
    DEFAULT_NAME,
    Add,
    Command,
    Completion,
    Doctor,
    Help,
    List,
    Place,
    Prune,
    Remove,
    Settings,
    Start,
    Version,
)
from .options import OPTIONS, SUBCOMMANDS, Option, is_trait, plain, trait
from .values import literal, read, write

__all__ = ["merge", "parse", "render", "word"]

_BY_NAME: Mapping[str, Option] = {name: option for option in OPTIONS for name in option.spelled}
_BY_LETTER: Mapping[str, Option] = {option.short: option for option in OPTIONS if option.short}
_PRIMARY = {
    "add": "-a",
    "remove": "-r",
    "connection_file": "-f",
    "version": "-V",
    "help": "-h",
    "help_all": "--help-all",
}
_HELPS: Mapping[str, Help] = {"help_all": Help(everything=True), "help": Help()}
_FIELDS = frozenset(Settings._fields) - {"attributes", "sources"}
_SHELLS = ("bash", "zsh", "fish", "powershell")
_FROM_NAME = "the name of the kernel"
_STARTED_BY_GATEWAY = frozenset({"gateway.way", "gateway.response_address"})
"""The options that start a kernel without a word on its connection file, which only the kernel knows."""

WARM = "async-warm"
"""The provisioner that keeps processes ready, as pyproject.toml names it."""

_HELP = "`async-kernel --help-all` lists every option."


class _Given(NamedTuple):
    """One option of the command line: its row, its value, and the word that said so."""

    option: Option
    value: Any
    word: str


def parse(argv: Sequence[str]) -> Command:
    """The command that `argv` (without the program's name) asks for.

    `parse(["-a", "async-trio", "--backend=trio"])` is an `Add`, `parse(["-f", "."])` a `Start`, `parse([])` a `Help`.
    Raises `UsageError` for an unknown option, a wrong choice or type, or options that do not go together.
    """
    if not argv:
        return Help()
    if argv[0] in SUBCOMMANDS:
        return _subcommand(argv[0], argv[1:])
    given, loose = _read(argv)
    asked = [one for one in given if one.option.name in _PRIMARY]
    name = _one_command(asked)
    if name in _HELPS:
        return _HELPS[name]
    if not name and any(one.option.name in _STARTED_BY_GATEWAY for one in given):
        name = "connection_file"  # the kernel makes one
    if not name:
        raise UsageError(
            "The command line has no command." if given else _unknown_word(loose[0]),
            "Use -f . to start a kernel, -a NAME to write a kernel spec, -r NAME to remove one, or -h for help.",
        )
    if loose and not (name == "connection_file" and asked and asked[0].value != "."):
        # `jupyter run script.py` hands the name of the script to the kernel too: a start by a client ignores it.
        raise UsageError(_unknown_word(loose[0]), _before(loose[0], given) or _HELP)
    command = "start" if name == "connection_file" else name
    _check(given, command)
    if command == "start":
        return Start(_settings(given))
    if command == "add":
        return _add(given)
    if command == "remove":
        return _remove(given)
    return Version()


def render(settings: Settings) -> list[str]:
    """The argv that `parse` turns into `Start(settings)`. Settings that have their default are left out, but for
    those that a reader of a spec wants to see: interface, name and backend.

    `render(Settings("{connection_file}")) == ["-f", "{connection_file}", "--start_interface=async_kernel...",
    "--kernel_name=async", "--backend=asyncio"]`.
    """
    by_gateway = not settings.connection_file and not _STARTED_BY_GATEWAY.isdisjoint(settings.attributes)
    words = [] if by_gateway else ["-f", settings.connection_file]
    for option in OPTIONS:
        if option.name in _FIELDS:
            value = getattr(settings, option.name)
            shown = option.name in {"start_interface", "kernel_name", "backend"} or (value and value != option.default)
        else:
            shown = option.name in settings.attributes
            value = settings.attributes.get(option.name)
        if shown and option.name != "connection_file":
            words.append(f"--{option.name.removeprefix('kernel.')}={write(option.kind, value)}")
    for name, value in settings.attributes.items():
        if is_trait(name):
            words += [f"--{name}={text}" for text in (value if isinstance(value, tuple) else (value,))]
    return words


def word(name: str, value: Any) -> str:
    """The word that gives an option this value: `word("shell.timeout", 0.1) == "--shell.timeout=0.1"`.

    Raises `UsageError` for an unknown option, or a value that no literal spells.
    """
    option = _row(plain(name))
    if option is None:
        raise UsageError(f"Unknown option {name}.", _suggestion(f"--{name}"))
    if option.kind == "mapping" and value and literal(repr(dict(value))) != dict(value):
        raise UsageError(
            f"{name} has a value that no literal can express: {value!r}.", "Use text, numbers, lists, dicts."
        )
    return f"--{option.name}={write(option.kind, value or {} if option.kind == 'mapping' else value)}"


def merge(defaults: Settings, given: Settings) -> Settings:
    """`given` on top of `defaults`: the command line wins, mappings are joined name by name.

    For the settings of an installed spec (`defaults`) and a command line that names it (`given`). The backend that was
    only guessed from the kernel's name gives way to the spec's.
    """
    guessed = ("backend", _FROM_NAME)
    said = {name: word for name, word in given.sources.items() if (name, word) != guessed}
    fields: dict[str, Any] = {}
    for field in _FIELDS:
        old, new = getattr(defaults, field), getattr(given, field)
        if field in {"backend_options", "host_options"}:
            fields[field] = MappingProxyType({**old, **new})
        else:
            fields[field] = new if field in said or field in {"kernel_name", "connection_file"} else old
    return Settings(
        **fields,
        attributes=MappingProxyType({**defaults.attributes, **given.attributes}),
        sources=MappingProxyType({**defaults.sources, **said}),
    )


# Reading words


def _read(argv: Sequence[str]) -> tuple[list[_Given], list[str]]:
    """The options in `argv` and the words that are none."""
    given: list[_Given] = []
    loose: list[str] = []
    words = iter(range(len(argv)))
    for position in words:
        word = argv[position]
        if len(word) < 2 or not word.startswith("-"):
            loose.append(word)
            continue
        option, negated, text = _option(word)
        if text is None and option.kind not in {"flag", "count"} and not negated:
            follower = argv[position + 1] if position + 1 < len(argv) else None
            if follower is not None and not (follower.startswith("-") and len(follower) > 1):
                next(words)
                text = follower
            elif option.kind != "trait":
                raise UsageError(f"{word} needs a value.", _usage(option))
        given.append(_Given(option, _value(option, negated, text, word), word.partition("=")[0]))
    return given, loose


def _row(name: str) -> Option | None:
    """The row of the option that is named so, with dashes written as underscores."""
    return _BY_NAME.get(name) or (trait(name) if is_trait(name) else None)


def _option(word: str) -> tuple[Option, bool, str | None]:
    """The row that `word` means, whether it was negated, and the text behind the equals sign."""
    dashed, equals, rest = word.partition("=")
    text = rest if equals else None
    if not dashed.startswith("--"):
        option = _BY_LETTER.get(dashed[1:])
        if option is None:
            raise UsageError(f"Unknown option {dashed}.", _suggestion(dashed))
        return option, False, text
    name = plain(dashed[2:])
    if name == "no":  # --no=quiet
        if not text:
            raise UsageError("--no needs the name of a setting.", "For example --no=quiet.")
        return _negatable(plain(text), word), True, None
    option = _row(name)
    if option is not None:
        return option, False, text
    if name.startswith("no_"):
        if text is not None:
            raise UsageError(f"{dashed} takes no value.", f"Write --{dashed[5:]}={text}, or --no-{dashed[5:]}.")
        return _negatable(name[3:], word), True, None
    raise UsageError(f"Unknown option {dashed}.", _suggestion(dashed))


def _negatable(name: str, word: str) -> Option:
    option = _row(name)
    if option is None:
        raise UsageError(f"Unknown option {word}.", _suggestion(f"--{name}"))
    if option.kind not in {"flag", "trait"} or option.name in _PRIMARY:
        raise UsageError(f"{word} is wrong, since --{option.name} is not a flag.", _usage(option))
    return option


def _value(option: Option, negated: bool, text: str | None, word: str) -> Any:
    if text is None and option.kind == "count":
        return 1
    if text is None:
        return not negated if option.kind == "flag" else str(not negated)
    try:
        return read(option.kind, text, option.choices, option.optional)
    except ValueError as error:
        next_step = _usage(option)
        if option.kind == "choice" and (near := _nearest(text, [str(choice) for choice in option.choices])):
            next_step = f"Did you mean --{option.name}={near}?"
        elif option.name == "host" and text in {"uvloop", "winloop", "asyncio"}:
            next_step = "Without a host, use --backend_options=\"{'use_uvloop': True}\" (or False)."
        raise UsageError(f"{word.partition('=')[0]} takes {error}, not {text!r}.", next_step) from None


# Commands from the words that were read


def _one_command(asked: Sequence[_Given]) -> str:
    names = list(dict.fromkeys(one.option.name for one in asked))
    for name in _HELPS:
        if name in names:
            return name
    if len(names) > 1:
        words = " and ".join(_PRIMARY[name] for name in names)
        raise UsageError(f"{words} cannot be combined.", "Run one command for each.")
    return names[0] if names else ""


def _check(given: Sequence[_Given], command: str) -> None:
    for option, _, word in given:
        if command not in option.commands:
            letters = [_PRIMARY.get("connection_file" if one == "start" else one, one) for one in option.commands]
            said = _PRIMARY.get("connection_file" if command == "start" else command, command)
            raise UsageError(f"{word} cannot be used with {said}.", f"Use it with {' or '.join(letters)}.")


def _settings(given: Sequence[_Given], name: str | None = None) -> Settings:
    """The settings that the options give. `name` is the kernel's, where the command says it."""
    fields: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for option, value, word in given:
        if "start" not in option.commands:
            continue
        sources[option.name] = word
        if option.kind == "trait" and option.name in attributes:  # the items of a list, as in IPython's command line
            before = attributes[option.name]
            attributes[option.name] = (*(before if isinstance(before, tuple) else (before,)), value)
        elif option.name not in _FIELDS:
            attributes[option.name] = value
        elif option.kind == "mapping":
            fields[option.name] = {**fields.get(option.name, {}), **value}
        else:
            fields[option.name] = value
    if name is not None:
        if fields.get("kernel_name", name) != name:
            raise UsageError(
                f"The spec has two names, {name!r} and {fields['kernel_name']!r}.", "Leave out --kernel_name."
            )
        fields["kernel_name"] = name
    if "backend" not in fields and "trio" in _words_of(fields.get("kernel_name", DEFAULT_NAME)):
        fields["backend"] = "trio"
        sources["backend"] = _FROM_NAME
    for mapping in ("backend_options", "host_options"):
        if mapping in fields:
            fields[mapping] = MappingProxyType(fields[mapping])
    return Settings(**fields, attributes=MappingProxyType(attributes), sources=MappingProxyType(sources))


def _words_of(name: str) -> list[str]:
    """`_words_of("async-trio_custom") == ["async", "trio", "custom"]`."""
    return name.lower().replace("_", "-").replace(".", "-").split("-")


def _last(given: Sequence[_Given], name: str, default: Any = None) -> Any:
    """The value that the option was given last, else `default`."""
    return next((value for option, value, _ in reversed(given) if option.name == name), default)


def _joined(given: Sequence[_Given], name: str) -> Mapping[str, Any]:
    joined: dict[str, Any] = {}
    for option, value, _ in given:
        if option.name == name:
            joined.update(value)
    return MappingProxyType(joined)


def _place(given: Sequence[_Given]) -> Place:
    places: dict[str, Place] = {}
    for option, value, word in given:
        if option.name in {"prefix", "folder"}:
            places[word] = Place("prefix" if option.name == "prefix" else "folder", value)
            if not value:
                raise UsageError(f"{word} needs a folder.", _usage(option))
        elif option.name in {"user", "sys_prefix"} and value:
            places[word] = Place("user" if option.name == "user" else "default")
    if len(places) > 1:
        raise UsageError(f"{' and '.join(places)} name different folders.", "Use only one of them.")
    return next(iter(places.values()), Place())


def _add(given: Sequence[_Given]) -> Add:
    from . import gateways  # of no use to a start

    name = _last(given, "add")
    settings = _settings(given, name)
    return Add(
        gateways.filled_in(settings) or settings._replace(connection_file=CONNECTION_FILE_FIELD),
        _place(given),
        _last(given, "fullpath"),
        _joined(given, "env"),
        _metadata(given),
        _last(given, "replace", False),
        _last(given, "force", False),
        _last(given, "dry_run", False),
    )


def _metadata(given: Sequence[_Given]) -> Mapping[str, Any]:
    """The metadata of a spec, its provisioner with it (jupyter_client, "Kernel provisioning")."""
    metadata = _joined(given, "metadata")
    name, options = _last(given, "provisioner", ""), _joined(given, "provisioner_options")
    way, of_gateway = _last(given, "gateway.way"), _joined(given, "gateway_options")
    if of_gateway and not way:
        raise UsageError("--gateway_options needs a gateway.", "Add --gateway=ssh, for example.")
    if way and _last(given, "warm", 0):
        raise UsageError("--warm cannot be used with --gateway: warm processes run on the server.", "Leave one out.")
    if way:
        from . import gateways

        stanza = gateways.stanza(way, of_gateway)
        metadata = MappingProxyType({**stanza, **metadata})
        name, options = name or gateways.provisioner(way), {**of_gateway, **options}
    if standbys := _last(given, "warm", 0):
        if name not in {"", WARM}:
            raise UsageError(f"--warm uses the provisioner {WARM}, not {name}.", "Leave out --warm or --provisioner.")
        name, options = WARM, {"standbys": standbys, **options}
    if options and not name:
        raise UsageError("--provisioner_options needs a provisioner.", "Add --provisioner=NAME.")
    if not name:
        return metadata
    provisioner = {"provisioner_name": name, "config": dict(options)}
    return MappingProxyType({**metadata, "kernel_provisioner": provisioner})


def _remove(given: Sequence[_Given]) -> Remove:
    names = dict.fromkeys(name for option, value, _ in given if option.name == "remove" for name in value)
    return Remove(tuple(names), _place(given), _last(given, "force", False), _last(given, "dry_run", False))


def _subcommand(name: str, words: Sequence[str]) -> Command:
    if name == "install":
        words = list(_habits(words))
    given, loose = _read(words)
    for option, _, _ in given:
        if option.name in _HELPS:
            return _HELPS[option.name]
    _check(given, {"install": "add", "uninstall": "remove"}.get(name, name))
    allowed = {"doctor": 1, "completion": 1, "uninstall": len(loose)}.get(name, 0)
    if len(loose) > allowed:
        raise UsageError(_unknown_word(loose[allowed]), _HELP)
    if name == "install":
        if not any(option.name == "add" for option, _, _ in given):
            given.append(_Given(_BY_NAME["add"], DEFAULT_NAME, "install"))
        return _add(given)
    if name == "uninstall":
        given += [_Given(_BY_NAME["remove"], read("names", word), word) for word in loose or [DEFAULT_NAME]]
        return _remove(given)
    if name == "list":
        return List(_last(given, "json", False))
    if name == "doctor":
        name = loose[0] if loose else DEFAULT_NAME
        return Doctor(name, _last(given, "json", False), _last(given, "changes", False))
    if name == "prune":
        return Prune(_last(given, "yes", False), _last(given, "force", False), _last(given, "dry_run", False))
    if not loose or loose[0] not in _SHELLS:
        raise UsageError("completion needs the name of a shell.", f"Use one of {', '.join(_SHELLS)}.")
    return Completion(loose[0])


def _habits(words: Sequence[str]) -> Iterator[str]:
    """The words of an install command of other kernels as ours: `--name X` is `-a X`, `--env A B` is `--env=A=B`."""
    rest = iter(words)
    for word in rest:
        if word == "--name" or word.startswith("--name="):
            yield "--add" + word.removeprefix("--name")
        elif word == "--env":
            name = next(rest, "")
            yield f"--env={name}" if "=" in name else f"--env={name}={next(rest, '')}"
        else:
            yield word


# Messages about mistakes


def _usage(option: Option) -> str:
    shape = option.metavar or "|".join(map(str, option.choices)) or option.kind.upper()
    short = f"-{option.short} {shape}" if option.short else ""
    return f"Write {short or f'--{option.name}={shape}'}: {option.help}."


def _suggestion(dashed: str) -> str:
    near = _nearest(plain(dashed.lstrip("-")), [name for name in _BY_NAME if name not in SUBCOMMANDS])
    return f"Did you mean --{near}? {_HELP}" if near else _HELP


def _unknown_word(word: str) -> str:
    near = _nearest(word, list(SUBCOMMANDS))
    return f"{word!r} is neither a command nor an option." + (f" Did you mean {near}?" if near else "")


def _before(word: str, given: Sequence[_Given]) -> str:
    if given and given[-1].option.kind == "flag" and literal(word.capitalize()) in {True, False}:
        return f"Write {given[-1].word}={word}."
    return ""


def _nearest(word: str, names: Sequence[str]) -> str:
    from difflib import get_close_matches  # only for somebody who mistyped

    matches = get_close_matches(word.lower(), names, 1) or get_close_matches(word.rpartition(".")[2], names, 1)
    return matches[0] if matches else ""
