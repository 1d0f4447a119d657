"""Cells that need no transformation: whatever is taken for one, IPython leaves as it is. Judged on some thousand cells,
code of the standard library as it is and with marks of IPython's strewn in."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from IPython.core.autocall import ExitAutocall
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.macro import Macro
from IPython.core.prefilter import PrefilterChecker, PrefilterTransformer

from .harness import Shell

MODULES = ("argparse", "ast", "bdb", "calendar", "cmd", "codeop", "difflib", "doctest", "textwrap", "tokenize")

MARKS = [
    "%", "%%", "!", "!!", "?", "??", ",", ";", "/", ">>> ", "... ", "In [1]: ", "   ...: ", "\t", "\f", "\r", " ",
    "= %pwd", "= !ls", "=!ls", "!=", "\\\n", "\n", "\n ", "\n\n", '"""', "'", "#", "# task", "exit", "# PYTHON-MODE",
    "%time ", "ls ", "print ", "(", ")", "[nav] In [2]: ", "\u2028", "\x85", "\x0b", "\x1c", "\xa0", "\0", "x?", "$",
]  # fmt: skip

LINES = [
    "", " ", "\n", "1", "1\n", "1\n\n", "x", "x = 1", "x != 1", "x ! = 1", "a = %pwd", "a = \\\n %pwd",
    "a = (\n%pwd)", "a =\\\n!ls", "x % 2", "x\n% 2", "x = y %z", "x == %y", "f'{x!r}'", "f'{x=}%'", "%pwd", " %pwd",
    "pwd", "pwd = 1", "pwd()", "time 1", "time.time()", "ls", "ls = 1", "print 1", "print", "len [1]", "exit",
    "exit()", "quit", "macro", "macro.x", "macro + 1", "/len x", ",len x", ";len x", "?x", "x?", "x??", "x ?", "'x?'",
    "# x?", "if x:\n    y?\n", ">>> x", ">>>x", "x\n>>> y", "... x", "...", "x\n...", "x\n... y", "In [1]: x",
    " In [1]: x", "x\nIn [1]: y", "   ...: x", "    x\n    y", "\tx", "if x:\n\ty\n        z", "if x:\n    y\n  z",
    "if x:\n    y\n\n    z", "x\n   \ny", '"""\n   \n"""', "%%time\n1", "%%time?", "%%task\n1", "# task\n1", "#task",
    "# tasks", "# thread\n%%time\n1", "%%x\n?", "x = [\n1,\n2]", "x = (\n  1)\n y",
    "def f():\n    '''\n  doc\n    '''\n    return 1", "if x:\n    a(1,\n      2)\n    b", "x \\\n  + 1", "x;",
    "x; %pwd", "x; !ls", "(", ")", "'", '"""', "'''\n%pwd\n'''", "x = '''\n!ls\n'''", "$x", "a b", "é", "lambda: ...",
    "x?\\\n", "x? \\\n  ", "x?;", "(x?\n)", "x? # y", "'x? y'", "x\n?y", "a = b = !ls", "a == !ls", "a = (!ls)",
    "a = ! ls", "f(a=!ls)", "f'{x!r:>{y!s}}'", "'a = !ls'", "x !ls", "x = 1 !", "x\n\n\n", "x  ", "x\t", "*",
    "*x", "x*", "get_ipython()", "await x", "x # PYTHON-MODE", "cd", "alias",
]  # fmt: skip


def library() -> list[str]:
    """Functions, classes and other pieces of modules of the standard library, as somebody would type them."""
    pieces: list[str] = []
    for name in MODULES:
        spec = find_spec(name)
        blocks = Path((spec and spec.origin) or "").read_text(encoding="utf-8").split("\n\n")
        pieces += [textwrap.dedent(block) for block in blocks if block.strip() and len(block) < 1500]
    return pieces


def strewn(pieces: list[str], count: int) -> Iterator[str]:
    """Pieces, or lines of them, with a mark somewhere: at a random place, or at the begin or end of a line."""
    chance = random.Random(14)
    for _ in range(count):
        piece = chance.choice(pieces)
        lines = piece.split("\n")
        if chance.random() < 0.5:
            lines = [chance.choice(lines)]
        number = chance.randrange(len(lines))
        line, mark = lines[number], chance.choice(MARKS)
        indent = len(line) - len(line.lstrip())
        place = chance.choice([0, indent, len(line), chance.randint(0, len(line))])
        lines[number] = line[:place] + mark + line[place:]
        yield "\n".join(lines)


def judge(shell: Any, cells: list[str]) -> int:
    """How many of the cells are plain. IPython leaves each of these as it is."""
    plain = 0
    for code in cells:
        if code in shell._plain_cells:
            plain += 1
            whole = code if code.endswith("\n") else code + "\n"
            assert InteractiveShell.transform_cell(shell, code) == whole, repr(code)
            assert shell.transform_cell(code) == whole
    return plain


@pytest.fixture
def ip(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The shell of IPython's, which is all tests', so that it gets back what it has."""
    ip = shell.interpreter.shell
    ip.user_ns |= {"macro": Macro("x\ny"), "leave": ExitAutocall()}
    static, dynamic = ip.input_transformer_manager, ip.prefilter_manager
    lists = [static.cleanup_transforms, static.line_transforms, ip.input_transformers_post]
    lists += [dynamic.transformers, dynamic.checkers]
    before, handlers, variables = [[*each] for each in lists], {**dynamic.handlers}, {**vars(static)}
    post = ip.input_transformers_post
    yield ip
    ip.input_transformers_post = post
    for each, items in zip(lists, before, strict=True):
        each[:] = items
    dynamic.handlers.update(handlers)
    static.__dict__.clear()
    static.__dict__.update(variables)
    dynamic.__dict__.pop("prefilter_lines", None)
    ip.autocall, ip.automagic = 0, True


def test_code_is_plain_and_ipython_leaves_it_as_it_is(ip: Any) -> None:
    cells = library()
    assert len(cells) > 1000
    assert judge(ip, cells) > 0.8 * len(cells), "most of it is nobody's business"


def test_what_has_a_mark_in_it_is_not_plain_unless_it_means_nothing(ip: Any) -> None:
    cells = list(strewn(library(), 3000))
    assert 300 < judge(ip, cells) < 2700


@pytest.mark.parametrize("autocall", [0, 1, 2])
@pytest.mark.parametrize("automagic", [True, False])
def test_lines_of_all_kinds(ip: Any, autocall: int, automagic: bool) -> None:
    ip.autocall, ip.automagic = autocall, automagic
    cells = [*LINES, *(f"{line}\n" for line in LINES), *(f"x = 1\n{line}" for line in LINES)]
    assert judge(ip, cells) > (20 if autocall else 40)


@pytest.mark.parametrize("code", ["print('Hello!')", "x = 'Is it? No.'", "f(x)  # as in f! or x?y", "f'{x!r}'"])
def test_marks_in_text_cost_nothing(ip: Any, code: str) -> None:
    assert judge(ip, [code, f"x = 1\n{code}"]) == 2


@pytest.mark.parametrize(
    "code", ["leave", "macro", "pwd", "%pwd", "x?", "!ls", "a = !ls", "# task\n1", "", "\n1", " 1"]
)
def test_what_ipython_changes_is_not_plain(ip: Any, code: str) -> None:
    assert code not in ip._plain_cells


@pytest.mark.parametrize(
    ("name", "value"), [("magics", {"line": {"some": None}, "cell": {}}), ("lazy_magics", {"some": ""})]
)
def test_a_line_that_calls_what_is_a_magic_by_now_is_not_plain(ip: Any, name: str, value: Any) -> None:
    manager = ip.magics_manager
    before = getattr(manager, name)
    assert "some" in ip._plain_cells
    setattr(manager, name, value)
    try:
        assert "some" not in ip._plain_cells
    finally:
        setattr(manager, name, before)
    assert "some" in ip._plain_cells


def spoil(lines: list[str]) -> list[str]:
    return [*lines, "spoiled = True\n"]


class Spoiling(PrefilterTransformer):
    def transform(self, line: str, continue_prompt: bool) -> str:
        return f"{line}; spoiled = True"


class Looking(PrefilterChecker):
    def check(self, line_info: Any) -> None:
        return None


def replace(owner: Any, name: str) -> Callable[[Any], object]:
    return lambda ip: setattr(getattr(ip, owner), name, lambda cell, *args: "spoiled = True")


REGISTRATIONS: dict[str, Callable[[Any], object]] = {
    "cleanup": lambda ip: ip.input_transformers_cleanup.append(spoil),
    "a new list": lambda ip: setattr(
        ip.input_transformer_manager, "cleanup_transforms", [*ip.input_transformers_cleanup, spoil]
    ),
    "line": lambda ip: ip.input_transformer_manager.line_transforms.append(spoil),
    "post": lambda ip: ip.input_transformers_post.append(spoil),
    "a new list behind": lambda ip: setattr(ip, "input_transformers_post", [spoil]),
    "prefilter": lambda ip: Spoiling(shell=ip, prefilter_manager=ip.prefilter_manager, parent=ip.prefilter_manager),
    "the static manager": replace("input_transformer_manager", "transform_cell"),
    "the dynamic manager": replace("prefilter_manager", "prefilter_lines"),
}


@pytest.mark.parametrize("register", REGISTRATIONS.values(), ids=REGISTRATIONS)
def test_a_transformer_of_the_users_has_its_say_and_loses_it(ip: Any, register: Callable[[Any], object]) -> None:
    assert "x = 1" in ip._plain_cells
    register(ip)
    assert "spoiled = True" in ip.transform_cell("x = 1")


def test_a_transformer_that_is_taken_back_is_gone(ip: Any) -> None:
    ip.input_transformers_cleanup.append(spoil)
    assert "x = 1" not in ip._plain_cells
    ip.input_transformers_cleanup.remove(spoil)
    assert "x = 1" in ip._plain_cells


def test_a_checker_or_handler_of_the_users_is_asked(ip: Any) -> None:
    manager = ip.prefilter_manager
    checker = Looking(shell=ip, prefilter_manager=manager, parent=manager)
    assert "x = 1" not in ip._plain_cells
    manager.unregister_checker(checker)
    assert "x = 1" in ip._plain_cells
    manager.register_handler("normal", object(), [])
    assert "x = 1" not in ip._plain_cells


@pytest.mark.parametrize("name", ["x_alias", "x_magic", "x_lazy"])
def test_a_magic_that_comes_later_is_known(ip: Any, name: str) -> None:
    assert name in ip._plain_cells
    if name == "x_alias":
        ip.alias_manager.define_alias(name, "ls")
    elif name == "x_magic":
        ip.register_magic_function(lambda line: line, "line", name)
    else:
        ip.magics_manager.register_lazy(name, "some.module")
    assert name not in ip._plain_cells


def test_the_last_line_is_noted_as_ipython_does(ip: Any) -> None:
    ip.transform_cell("x = 5\n")
    assert ip._last_input_line == "x = 5"
