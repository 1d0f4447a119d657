"""Whose lines are kept: those of the latest cells, and of older ones while something of them lives."""

from __future__ import annotations

import gc
import linecache
from typing import Any

import pytest

from async_kernel.ipython import sources
from async_kernel.ipython.compiler import KernelCompiler
from async_kernel.ipython.sources import CellSources


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LATEST_CELLS", 3)


def run(compiler: KernelCompiler, text: str, namespace: dict[str, object]) -> str:
    """Run a cell as IPython does; the name of its file."""
    name = compiler.cache(text, 1, text)
    exec(compiler(compiler.ast_parse(text, name), name, "exec"), namespace)
    return name


def lines_of(name: str) -> list[str]:
    return linecache.getlines(name) if name in linecache.cache else []


def test_the_latest_cells_are_kept_and_no_others() -> None:
    compiler = KernelCompiler()
    namespace: dict[str, Any] = {}
    names = [run(compiler, f"x = {number}  # of the latest", namespace) for number in range(10)]
    gc.collect()
    assert [bool(lines_of(name)) for name in names] == [False] * 7 + [True] * 3
    assert set(compiler._filename_map) == set(names[-3:])


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("def f(): pass", ["f"]),
        ("f = lambda: 0", ["f"]),
        ("class f:\n    def method(self):\n        return lambda: self", ["f"]),
        ("def make():\n    def inner(): pass\n    return inner\nf = make()\ndel make", ["f"]),
        ("f = (n for n in range(3))", ["f"]),
        ("import sys\nf = sys._getframe()", ["f"]),
    ],
)
def test_an_older_cell_is_kept_while_its_code_lives(text: str, kept: list[str]) -> None:
    compiler = KernelCompiler()
    namespace: dict[str, Any] = {}
    name = run(compiler, text, namespace)
    for number in range(10):
        run(compiler, f"x = {number}  # behind {text!r}", {})
    gc.collect()
    assert "".join(lines_of(name)) == f"{text}\n"
    for each in kept:
        del namespace[each]
    namespace.clear()
    gc.collect()
    assert lines_of(name) == []
    assert compiler._sources._living == {}


def test_a_cell_that_is_run_again_is_the_latest() -> None:
    compiler = KernelCompiler()
    first = run(compiler, "x = 'again'", {})
    for number in range(10):
        run(compiler, f"x = {number}  # between", {})
        assert run(compiler, "x = 'again'", {}) == first
    assert lines_of(first)


def test_code_that_was_compiled_twice_lives_twice() -> None:
    compiler = KernelCompiler()
    kept: dict[str, object] = {}
    run(compiler, "def f(): pass", {})
    first: dict[str, object] = {}
    name = run(compiler, "def f(): pass", first)
    run(compiler, "def f(): pass", kept)
    first.clear()
    gc.collect()
    for number in range(10):
        run(compiler, f"x = {number}  # behind both", {})
    assert lines_of(name)
    kept.clear()
    gc.collect()
    assert lines_of(name) == []


def test_what_is_no_cell_is_not_watched() -> None:
    forgotten: list[str] = []
    kept = CellSources(forgotten.append)
    kept.watch("<string>", compile("lambda: 0", "<string>", "eval"))
    assert kept._living == {}
    assert forgotten == []
