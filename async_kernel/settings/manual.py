"""The help texts, the man page and the table of the documentation, from the table of options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .options import OPTIONS, SUBCOMMANDS, Option

__all__ = ["help_text", "man_page", "options_table", "summary"]

_EXAMPLES = (
    ("async-kernel -a async-trio --backend=trio", "write the spec of a trio kernel"),
    ("async-kernel -a async-qt --host=qt --user", "a Qt kernel, for you alone"),
    ("async-kernel -r async-trio,async-qt", "remove both"),
    ("async-kernel -f . --kernel_name=async-trio", "start it without a client"),
)

_METAVARS = {"integer": "N", "number": "N", "string": "TEXT", "text": "TEXT"}

_SECTIONS = (
    ("Main options", ("add", "remove", "connection_file", "version", "help", "help_all")),
    ("Settings of the kernel", ("start",)),
    ("Writing, removing and listing kernel specs", ("add", "remove", "list", "doctor", "prune")),
)


_USAGE = "async-kernel -a NAME | -r NAME | -f FILE | COMMAND [--SETTING=VALUE ...]"
_IS = "Python kernel for Jupyter, on asyncio or trio"
_DESCRIPTION = (
    "Writes, removes and lists the kernel specs from which Jupyter starts this kernel, and starts it by hand. Whatever "
    "is wrong, begin with async-kernel doctor."
)
_FREQUENT = ("backend", "host", "display_name", "prefix")

_RULES = (
    "Dashes and underscores mean the same. --NAME sets a flag, --no-NAME unsets it. Values are Python literals;",
    "anything else is text. --interface.NAME and --kernel.NAME mean the same as --NAME.",
    "--CLASS.TRAIT=VALUE is a setting of IPython, for example --IPCompleter.use_jedi=False.",
)


def summary() -> str:
    """The text of `async-kernel -h`: one screen of 24 lines and 80 columns."""
    named = {option.name: option for option in OPTIONS}
    primary = [named[name] for name in ("add", "remove", "connection_file")]
    frequent = [named[name] for name in _FREQUENT]
    lines = [f"Usage: {_USAGE}", f"{_IS}.", ""]
    lines += _columns([(f"-{option.short} {option.metavar}", option.help) for option in primary], 18)
    lines += _columns(list(SUBCOMMANDS.items()), 18)
    lines += ["", "Settings:", *_columns([(_shape(option).partition(",")[0], option.help) for option in frequent], 22)]
    lines += ["", "Examples:", *_columns([(shown, f"# {why}") for shown, why in _EXAMPLES[:3]], 42)]
    lines += ["async-kernel --help-all prints every option and setting."]
    return "\n".join(lines)


def help_text() -> str:
    """The text of `async-kernel --help-all`."""
    lines = [f"Usage: {_USAGE}", ""]
    for title, options in _sections():
        lines.append(f"{title}:")
        lines += _columns([(_shape(option), _explained(option)) for option in options])
        lines.append("")
    lines.append("Commands:")
    lines += _columns(list(SUBCOMMANDS.items()))
    lines += ["", "Examples:", *_columns(list(_EXAMPLES)), ""]
    return "\n".join([*lines, *_RULES])


def man_page() -> str:
    """The manual page async-kernel(1), in the man macros of roff."""
    lines = [
        '.TH ASYNC-KERNEL 1 "" "async-kernel" "User Commands"',
        *(".SH NAME", f"async-kernel \\- {_IS}"),
        *(".SH SYNOPSIS", ".B async-kernel", _roff(_USAGE.removeprefix("async-kernel "))),
        *(".SH DESCRIPTION", _roff(_DESCRIPTION)),
        *(".SH COMMANDS", *_entries(SUBCOMMANDS.items())),
        *(".SH OPTIONS", _roff(" ".join(_RULES))),
    ]
    for title, options in _sections():
        lines += [f".SS {_roff(title)}", *_entries((_shape(option), _explained(option)) for option in options)]
    lines += [".SH EXAMPLES", *_entries(_EXAMPLES)]
    lines += [".SH EXIT STATUS", "0 for success, 2 for a mistake on the command line, 1 for any other error."]
    lines += [".SH SEE ALSO", ".BR jupyter (1)"]
    return "\n".join([*lines, ""])


def _entries(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in rows:
        yield from (".TP", f".B {_roff(term)}", _roff(text))


def _roff(text: str) -> str:
    """Text as roff takes it: dashes that can be copied, and no line that begins with a control character."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def options_table() -> str:
    """The options as tables in Markdown, for the documentation: one below each heading."""
    lines: list[str] = []
    for title, options in _sections():
        lines += ["", f"### {title}", "", "| option | meaning |", "|---|---|"]
        for option in options:
            choices = "|".join(map(str, option.choices))
            shapes = _shapes(option, "CHOICE" if len(choices) > _LONG else "")
            names = "<br>".join(f"`{shape}`" for shape in shapes).replace("|", "\\|")
            chosen = f": {', '.join(f'`{choice}`' for choice in option.choices)}" if len(choices) > _LONG else ""
            default = f" (default: `{option.default}`)" if _has_default(option) else ""
            lines.append(f"| {names} | {option.help}{chosen}{default} |")
    return "\n".join(lines[1:])


def _sections() -> Iterator[tuple[str, list[Option]]]:
    primary = _SECTIONS[0][1]
    for title, commands in _SECTIONS:
        if commands is primary:
            yield title, [option for option in OPTIONS if option.name in primary]
        else:
            starting = "start" in commands
            yield title, [o for o in OPTIONS if o.name not in primary and ("start" in o.commands) is starting]


_LONG = 20
"""Letters of choices that stand with an option in a table; more of them are put beside it."""


def _shape(option: Option) -> str:
    """`-a NAME, --add NAME` or `--backend=asyncio|trio`."""
    return ", ".join(_shapes(option))


def _shapes(option: Option, metavar: str = "") -> list[str]:
    """Each name of an option with its value: `["--host=tk|qt", "--loop=tk|qt"]`. A `metavar` stands for the value."""
    metavar = metavar or option.metavar or "|".join(map(str, option.choices)) or _METAVARS.get(option.kind, "")
    names = [f"--{name}" for name in (option.name.removeprefix("kernel."), *option.spellings)]
    if option.short:
        return [f"{name} {metavar}".rstrip() for name in (f"-{option.short}", *names)]
    return [f"{name}={metavar}" if metavar or option.kind not in {"flag"} else name for name in names]


def _explained(option: Option) -> str:
    if not _has_default(option) or option.name.startswith("start"):
        return option.help
    return f"{option.help} (default: {option.default})"


def _has_default(option: Option) -> bool:
    """Whether the default is worth a word: that a flag is not set, or that there is no value, goes without saying."""
    return option.default is not False and option.default not in {None, ""}


def _columns(rows: list[tuple[str, str]], width: int = 44) -> Iterator[str]:
    for left, right in rows:
        yield f"  {left:<{width}}  {right}" if len(left) <= width else f"  {left}\n  {'':<{width}}  {right}"
