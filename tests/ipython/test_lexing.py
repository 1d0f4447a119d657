"""Lexers that share their tables, and tracebacks that make none."""

from __future__ import annotations

import subprocess
import sys

from pygments.lexer import RegexLexerMeta
from pygments.lexers.python import Python2Lexer, PythonLexer
from pygments.token import Name, String

from async_kernel.ipython.lexing import share_tables

DEADLINE = 60.0

SHOWS_ERRORS = """
import sys
from IPython.core.interactiveshell import InteractiveShell
from pygments.lexer import RegexLexerMeta
from async_kernel.ipython.preparation import prepare

if {prepared}:
    prepare()
made = []
make = RegexLexerMeta.process_tokendef
RegexLexerMeta.process_tokendef = lambda cls, *given: made.append(cls) or make(cls, *given)
shell = InteractiveShell.instance(colors="neutral")
shell.run_cell("import json\\njson.loads('{{')")
print("\\ntables:", len(made))
"""


def tables_made(prepared: bool) -> tuple[int, str]:
    """How many lexers' tables the traceback of an error in a library makes, and what it shows."""
    code = SHOWS_ERRORS.format(prepared=prepared)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE, check=True)
    text, _, count = run.stdout.rpartition("tables:")
    return int(count), text


def test_a_traceback_makes_no_tables_and_looks_the_same() -> None:
    without, plain = tables_made(prepared=False)
    assert without >= 4, "stack_data has changed: this is not needed any more"
    count, shown = tables_made(prepared=True)
    assert count == 0
    assert "\x1b[" in shown
    assert shown == plain


def test_what_has_tokens_of_its_own_has_tables_of_its_own() -> None:
    share_tables()
    share_tables()

    class Same(PythonLexer):
        pass

    class Shouting(PythonLexer):
        tokens = {"root": [(r"\w+", String)]}  # noqa: RUF012 - as lexers have it

    class Both(Same, Python2Lexer):
        pass

    text = "print"
    assert list(Same().get_tokens(text)) == list(PythonLexer().get_tokens(text))
    assert next(Same().get_tokens(text)) == (Name.Builtin, "print")
    assert next(Shouting().get_tokens(text)) == (String, "print")
    assert isinstance(Both, RegexLexerMeta)
    Both()
    assert "_tokens" in vars(Both)
    assert vars(Both)["_tokens"] is not vars(PythonLexer)["_tokens"]
