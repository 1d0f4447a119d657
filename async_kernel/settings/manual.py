"""The help text and the table of the documentation, from the table of options."""

from __future__ import annotations

from collections.abc import Iterator

from .options import OPTIONS, SUBCOMMANDS, Option

__all__ = ["help_text", "options_table"]

_EXAMPLES = (
    ("async-kernel -a async-trio --backend=trio", "write a spec for a trio kernel"),
    ("async-kernel -a async-qt --host=qt --user", "a Qt kernel, in your own kernels folder"),
    ("async-kernel -r async-trio,async-qt", "remove both"),
    ("async-kernel -f . --kernel_name=async-trio", "start it without a client"),
)

_METAVARS = {"integer": "N", "number": "N", "string": "TEXT", "text": "TEXT"}

_SECTIONS = (
    ("What to do", ("add", "remove", "connection_file", "version", "help")),
    ("How the kernel runs", ("start",)),
    ("How a spec is written, removed and shown", ("add", "remove", "list", "doctor", "prune")),
)


def help_text() -> str:
    """What `async-kernel --help` prints."""
    lines = ["Usage: async-kernel -a NAME | -r NAME | -f FILE | COMMAND   [--SETTING=VALUE ...]", ""]
    for title, options in _sections():
        lines.append(f"{title}:")
        lines += _columns([(_shape(option), _explained(option)) for option in options])
        lines.append("")
    lines.append("Commands:")
    lines += _columns(list(SUBCOMMANDS.items()))
    lines += ["", "Examples:", *_columns(list(_EXAMPLES)), ""]
    lines += [
        "Dashes and underscores are one. A flag is set by --NAME and unset by --no-NAME; values are literals, and",
        "what is no literal is text. --interface.NAME and --kernel.NAME say the same as --NAME.",
        "--CLASS.TRAIT=VALUE is a setting of IPython's own, for example --IPCompleter.use_jedi=False.",
    ]
    return "\n".join(lines)


def options_table() -> str:
    """The options as a Markdown table, for the documentation."""
    lines = ["| option | default | what it says |", "|---|---|---|"]
    for _, options in _sections():
        for option in options:
            shape = _shape(option).replace("|", "\\|")
            default = "" if option.default in {None, ""} else f"`{option.default}`"
            lines.append(f"| `{shape}` | {default} | {option.help} |")
    return "\n".join(lines)


def _sections() -> Iterator[tuple[str, list[Option]]]:
    primary = _SECTIONS[0][1]
    for title, commands in _SECTIONS:
        if commands is primary:
            yield title, [option for option in OPTIONS if option.name in primary]
        else:
            starting = "start" in commands
            yield title, [o for o in OPTIONS if o.name not in primary and ("start" in o.commands) is starting]


def _shape(option: Option) -> str:
    """`-a NAME, --add NAME` or `--backend=asyncio|trio`."""
    metavar = option.metavar or "|".join(map(str, option.choices)) or _METAVARS.get(option.kind, "")
    names = [f"--{name}" for name in (option.name.removeprefix("kernel."), *option.spellings)]
    if option.short:
        return ", ".join(f"{name} {metavar}".rstrip() for name in (f"-{option.short}", *names))
    return ", ".join(f"{name}={metavar}" if metavar or option.kind not in {"flag"} else name for name in names)


def _explained(option: Option) -> str:
    if option.default in {None, "", False} or option.name.startswith("start"):
        return option.help
    return f"{option.help} (default: {option.default})"


def _columns(rows: list[tuple[str, str]], width: int = 44) -> Iterator[str]:
    for left, right in rows:
        yield f"  {left:<{width}}  {right}" if len(left) <= width else f"  {left}\n  {'':<{width}}  {right}"
