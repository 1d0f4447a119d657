"""Lines have the numbers that they have in the cell, in tracebacks as in breakpoints."""

from __future__ import annotations

import ast
import re

import pytest

from async_kernel.ipython.line_numbers import count_empty

from .harness import Shell, run_on

FAILING = {
    "empty lines first": "\n \n\t\n1 / 0  # here",
    "a command over two lines": "!true \\\n  x\n1 / 0  # here",
    "an assignment from a command": "x = !true \\\n \\\n x\nif x == []:\n    1 / 0  # here",
    "a magic over lines in a block": "if True:\n    %pwd \\\n\n    1 / 0  # here",
    "help": "print?\n\n1 / 0  # here",
    "both": "\n\n# c\n!true \\\n  x\n\n1 / 0  # here",
}


@pytest.mark.parametrize("code", FAILING.values(), ids=FAILING)
def test_a_traceback_names_the_line_of_the_cell(shell: Shell, code: str) -> None:
    line = 1 + next(number for number, text in enumerate(code.split("\n")) if "# here" in text)
    reply = run_on("asyncio", lambda: shell.run(code)).reply
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(reply["traceback"]))
    assert reply["ename"] == "ZeroDivisionError"
    assert re.search(rf"^-+> {line} .*# here", text, re.M), text


def test_a_syntax_error_names_the_line_of_the_cell(shell: Shell) -> None:
    reply = run_on("asyncio", lambda: shell.run("\n\nx = 1\ny = = 2")).reply
    text = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(reply["traceback"]))
    assert "line 4" in text or ":4" in text, text


@pytest.mark.parametrize("code", ["", "\n\n", "\n\nx = 1\n", "x = 1\n\n", "\n\n%%time\n1\n"])
def test_the_last_line_is_where_it_was(shell: Shell, code: str) -> None:
    run_on("asyncio", lambda: shell.run(code))
    compiler = shell.interpreter.shell.compile
    cell = shell.interpreter.shell.transform_cell(code)
    tree = compiler.ast_parse(cell, compiler.cache(cell, 1, code))
    assert isinstance(tree, ast.Module)
    if code.strip():
        assert tree.body[0].lineno == 1 + count_empty(code.splitlines())
    assert compiler.ast_parse("x = 1").body[0].lineno == 1, "other code is nobody's cell"


def test_empty_lines_are_counted() -> None:
    assert count_empty([]) == count_empty(["", " "]) == count_empty(["x", ""]) == 0
    assert count_empty(["", "\t\n", "x"]) == 2
