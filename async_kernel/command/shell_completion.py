"""The completion scripts of the shells, written from the table of options.

The parser is the table and not an argparse parser, so there is nothing that a completion library could read; a script
is a list of words per shell, and needs neither a library nor a start of Python at every tab.
"""

from __future__ import annotations

from async_kernel.settings.options import OPTIONS, SUBCOMMANDS, Option

__all__ = ["script"]

_PROGRAMS = ("async-kernel", "async_kernel")


def script(shell: str) -> str:
    """The script for "bash", "zsh", "fish" or "powershell", to be read by the shell at its start.

    bash: `eval "$(async-kernel completion bash)"`.
    """
    return {"bash": _bash, "zsh": _zsh, "fish": _fish, "powershell": _powershell}[shell]()


def _words() -> list[str]:
    """Everything that can be a word of the command line: `["--add", "--backend=asyncio", ..., "list"]`."""
    words: list[str] = []
    for option in OPTIONS:
        words += [f"-{option.short}"] if option.short else []
        for name in _names(option):
            words += [f"{name}={choice}" for choice in option.choices]
            if not option.choices:
                words.append(name if option.kind == "flag" or option.short else f"{name}=")
    return [*words, *SUBCOMMANDS]


def _names(option: Option) -> list[str]:
    names = [option.name.removeprefix("kernel."), *option.spellings]
    negations = [f"no-{names[0]}"] if option.kind == "flag" and option.default is True else []
    return [f"--{name}" for name in (*names, *negations)]


def _bash() -> str:
    words = "\n".join(_words())
    # `=` separates words in bash: the part before it is taken off each match again.
    return f"""\
_async_kernel() {{
    local IFS=$'\\n' word="${{COMP_LINE:0:COMP_POINT}}"
    word="${{word##* }}"
    local words='{words}'
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    [[ ${{#COMPREPLY[@]}} -eq 1 && $COMPREPLY == *= ]] && compopt -o nospace
    [[ $word == *=* ]] && COMPREPLY=("${{COMPREPLY[@]#*=}}")
    [[ ${{#COMPREPLY[@]}} -eq 0 ]] && COMPREPLY=($(compgen -f -- "${{word#*=}}"))
}}
complete -F _async_kernel {" ".join(_PROGRAMS)}"""


def _zsh() -> str:
    words = "\n    ".join(f"'{word}'" for word in _words())
    return f"""\
#compdef {" ".join(_PROGRAMS)}
_async_kernel() {{
  local -a words_open words_closed
  local word
  for word in \\
    {words.replace(chr(10), " " + chr(92) + chr(10))}
  do
    if [[ $word == *= ]]; then words_open+=("$word"); else words_closed+=("$word"); fi
  done
  compadd -S '' -a words_open
  compadd -a words_closed
  _files
}}
compdef _async_kernel {" ".join(_PROGRAMS)}"""


def _fish() -> str:
    lines = []
    for program in _PROGRAMS:
        for option in OPTIONS:
            short = f" -s {option.short}" if option.short else ""
            values = f" -x -a '{' '.join(map(str, option.choices))}'" if option.choices else ""
            takes = values or ("" if option.kind == "flag" else " -r")
            for name in _names(option):
                lines.append(f"complete -c {program}{short} -l {name[2:]}{takes} -d {_quoted(option.help)}")
                short = ""
        lines += [
            f"complete -c {program} -n __fish_use_subcommand -a {name} -d {_quoted(text)}"
            for name, text in SUBCOMMANDS.items()
        ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _powershell() -> str:
    words = ", ".join(f"'{word}'" for word in _words())
    names = ", ".join(f"'{name}'" for name in _PROGRAMS)
    return f"""\
Register-ArgumentCompleter -Native -CommandName {names} -ScriptBlock {{
    param($wordToComplete, $commandAst, $cursorPosition)
    @({words}) |
        Where-Object {{ $_ -like "$wordToComplete*" }} |
        ForEach-Object {{ [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_) }}
}}"""
