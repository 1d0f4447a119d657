"""Whatever a cell raises: one `error` message, the same in the reply, and a next cell that is none the worse."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import pytest

from .harness import Ran, Shell

ANSI = re.compile(r"\x1b\[[\d;]*m")

RAISING = {
    "plain": ("1/0", "ZeroDivisionError", "division by zero"),
    "syntax": ("def f(:", "SyntaxError", "invalid syntax"),
    "indentation": ("if 1:\npass", "IndentationError", "expected an indented block"),
    "late syntax": ("return 1", "SyntaxError", "'return' outside function"),
    "null byte": ("1\0", "SyntaxError", "null bytes"),
    "no such magic": ("%nosuchmagic", "UsageError", "`%nosuchmagic` not found"),
    "no such cell magic": ("%%nosuchmagic\n1", "UsageError", "`%%nosuchmagic` not found"),
    "group": ("raise ExceptionGroup('several', [ValueError(1), TypeError(2)])", "ExceptionGroup", "2 sub-exceptions"),
    "group in the context": (
        "try:\n    raise ExceptionGroup('g', [ValueError(1)])\nexcept Exception as e:\n    raise KeyError('k') from e",
        "KeyError",
        "k",
    ),
    "own traceback": (
        "class E(Exception):\n    def _render_traceback_(self): return ['one', 'two']\nraise E('x')",
        "E",
        "x",
    ),
    "own traceback that fails": (
        "class E(Exception):\n    def _render_traceback_(self): return 1/0\nraise E('x')",
        "E",
        "x",
    ),
    "no text": ("class E(Exception):\n    def __str__(self): return 1/0\nraise E", "E", "E()"),
    "neither text nor repr": (
        "class E(Exception):\n    def __str__(self): return 1/0\n    __repr__ = __str__\nraise E",
        "E",
        "that cannot be shown",
    ),
    "text that raises what nobody catches": (
        "class E(BaseException):\n    def __str__(self): raise self\n    __repr__ = __str__\nraise E",
        "E",
        "that cannot be shown",
    ),
    "recursion": ("def f(): f()\nf()", "RecursionError", "maximum recursion depth"),
    "huge": ("raise ValueError('x' * 1_000_000)", "ValueError", "x" * 1_000_000),
    "base": ("class B(BaseException): pass\nraise B('b')", "B", "b"),
    "keyboard": ("raise KeyboardInterrupt", "KeyboardInterrupt", ""),
    "generator": ("raise GeneratorExit", "GeneratorExit", ""),
    "cancelled": ("import asyncio; raise asyncio.CancelledError", "CancelledError", ""),
    "awaited": ("async def f(): raise OSError('o')\nawait f()", "OSError", "o"),
    "debugger left": ("import bdb; raise bdb.BdbQuit", "BdbQuit", ""),
    "result without a repr": (
        "class R:\n    def __repr__(self): return 1/0\nR()",
        "ZeroDivisionError",
        "division by zero",
    ),
    "result whose repr is no text": (
        "class R:\n    def __repr__(self): return 1\nR()",
        "TypeError",
        "returned non-string",
    ),
}


@pytest.mark.parametrize("name", RAISING)
def test_what_is_raised_is_shown_once_and_replied(cells: Callable[..., Ran], shell: Shell, name: str) -> None:
    code, ename, evalue = RAISING[name]
    number = shell.interpreter.execution_count
    ran = cells(code)
    (error,) = ran.contents("error")
    assert error["ename"] == ename
    assert evalue in error["evalue"]
    assert error["traceback"]
    assert all(isinstance(line, str) for line in error["traceback"])
    assert {key: ran.reply[key] for key in error} == error
    assert (ran.reply["status"], ran.reply["execution_count"]) == ("error", number)
    assert ran.types[0] == "execute_input"
    assert shell.interpreter.execution_count == number + 1
    assert cells("'fine'").result == "'fine'"


def test_tracebacks_begin_in_the_cell(cells: Callable[..., Ran]) -> None:
    for code in ("def f():\n    raise ValueError(3)\nf()", "raise ExceptionGroup('g', [ValueError(3)])"):
        shown = ANSI.sub("", "\n".join(cells(code).contents("error")[0]["traceback"]))
        assert "raise " in shown
        assert "interactiveshell.py" not in shown
        assert "async_kernel/" not in shown


def test_lines_of_groups_end_where_front_ends_join_them(cells: Callable[..., Ran]) -> None:
    (error,) = cells("raise ExceptionGroup('g', [ValueError('one\\n\\ntwo'), TypeError(2)])").contents("error")
    shown = "\n".join(error["traceback"])
    assert "ValueError: one\n    | \n    | two\n    +" in shown
    assert "" not in shown.split("\n")


@pytest.mark.parametrize("code", ["1/0", "def f(:", "raise ExceptionGroup('g', [ValueError(3)])"])
def test_errors_that_an_extension_shows_are_left_to_it(cells: Callable[..., Ran], shell: Shell, code: str) -> None:
    shown: list[str] = []

    def show(*args: Any, **options: Any) -> None:
        kind, *_ = sys.exc_info()
        assert kind is not None
        shown.append(kind.__name__)

    attributes: dict[str, Any] = shell.interpreter.shell.__dict__
    attributes.update(_showtraceback=show, showsyntaxerror=show)  # as rich does
    try:
        ran, usage = cells(code), cells("%nosuchmagic")
    finally:
        del attributes["_showtraceback"], attributes["showsyntaxerror"]
    assert shown == [ran.reply["ename"]]
    assert (ran.types, ran.reply["status"]) == (["execute_input"], "error")
    assert [error["ename"] for error in usage.contents("error")] == ["UsageError"]


def test_a_wrong_use_of_a_magic_that_an_extension_shows_is_left_to_it(cells: Callable[..., Ran], shell: Shell) -> None:
    attributes: dict[str, Any] = shell.interpreter.shell.__dict__
    attributes["show_usage_error"] = lambda error: print("shown:", error)  # as jupysql does
    try:
        usage, other = cells("%nosuchmagic"), cells("1/0")
    finally:
        del attributes["show_usage_error"]
    assert usage.text() == "shown: Line magic function `%nosuchmagic` not found.\n"
    assert (usage.contents("error"), usage.reply["ename"]) == ([], "UsageError")
    assert [error["ename"] for error in other.contents("error")] == ["ZeroDivisionError"]


def test_errors_with_a_handler_of_their_own_are_left_to_it(cells: Callable[..., Ran], shell: Shell) -> None:
    def handle(self: Any, etype: Any, value: BaseException, tb: Any, tb_offset: int | None = None) -> None:
        print(f"handled {value}")

    shell.interpreter.shell.set_custom_exc((LookupError,), handle)
    try:
        ran, other = cells("{}['k']"), cells("1/0")
    finally:
        shell.interpreter.shell.set_custom_exc((), None)
    assert (ran.text(), ran.contents("error"), ran.reply["ename"]) == ("handled 'k'\n", [], "KeyError")
    assert [error["ename"] for error in other.contents("error")] == ["ZeroDivisionError"]


def test_tb_shows_the_last_error_again(cells: Callable[..., Ran]) -> None:
    for code, ename in (("{}['k']", "KeyError"), ("raise ExceptionGroup('g', [ValueError(3)])", "ExceptionGroup")):
        cells(code)
        (error,) = cells("%tb").contents("error")
        assert error["ename"] == ename


def test_system_exit_is_an_error_and_no_exit(cells: Callable[..., Ran]) -> None:
    with pytest.warns(UserWarning, match="To exit: use 'exit', 'quit', or Ctrl-D"):
        ran = cells("import sys; sys.exit(3)")
    (error,) = ran.contents("error")
    assert (error["ename"], error["evalue"]) == ("SystemExit", "3")
    assert error["traceback"][0] == "An exception has occurred, use %tb to see the full traceback.\n"
    assert ran.reply["status"] == "error"
    assert ran.reply["payload"] == []


def test_an_object_that_display_cannot_show_is_an_error_message_of_a_cell_that_goes_on(
    cells: Callable[..., Ran],
) -> None:
    ran = cells("class R:\n    def __repr__(self): return 1/0\ndisplay(R()); print('on')")
    assert ran.types == ["execute_input", "error", "stream"]
    assert ran.reply["status"] == "ok"


def test_input_transformers_that_fail(cells: Callable[..., Ran], shell: Shell) -> None:
    def fail(lines: list[str]) -> list[str]:
        raise RuntimeError("no such syntax")

    shell.interpreter.shell.input_transformers_cleanup.append(fail)
    try:
        number = shell.interpreter.execution_count
        ran = cells("1")
    finally:
        shell.interpreter.shell.input_transformers_cleanup.remove(fail)
    assert ran.types == ["execute_input", "error"]
    assert (ran.reply["ename"], ran.reply["execution_count"]) == ("RuntimeError", number)
    assert shell.interpreter.execution_count == number + 1


def test_input_that_a_syntax_transformer_rejects(cells: Callable[..., Ran], shell: Shell) -> None:
    import ast

    from IPython.core.error import InputRejected

    class Reject(ast.NodeTransformer):
        def visit_Module(self, node: ast.Module) -> Any:
            raise InputRejected("not that")

    transformer = Reject()
    shell.interpreter.shell.ast_transformers.append(transformer)
    try:
        ran = cells("1")
    finally:
        shell.interpreter.shell.ast_transformers.remove(transformer)
    assert (ran.reply["status"], ran.reply["ename"], ran.reply["evalue"]) == ("error", "InputRejected", "not that")
    assert len(ran.contents("error")) == 1


def test_callbacks_that_fail_are_shown_but_do_not_fail_the_cell(cells: Callable[..., Ran], shell: Shell) -> None:
    def fail() -> None:
        raise RuntimeError("in a callback")

    shell.interpreter.shell.events.register("post_execute", fail)
    try:
        ran = cells("1;")
    finally:
        shell.interpreter.shell.events.unregister("post_execute", fail)
    assert [error["evalue"] for error in ran.contents("error")] == ["in a callback"]
    assert ran.reply["status"] == "ok"


def test_errors_of_a_script_are_shown(cells: Callable[..., Ran], tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text("print('before')\n1/0\n")
    ran = cells(f"%run {script}")
    assert ran.text() == "before\n"
    assert [error["ename"] for error in ran.contents("error")] == ["ZeroDivisionError"]


def test_verbose_and_plain_modes(cells: Callable[..., Ran]) -> None:
    try:
        assert cells("%xmode Plain", "value = 3\n1/0").contents("error")[0]["ename"] == "ZeroDivisionError"
        shown = "\n".join(cells("%xmode Verbose", "value = 3\n1/(value - value)").contents("error")[0]["traceback"])
        assert "value" in shown
    finally:
        cells("%xmode Context")
