"""Completions where jedi fails, or finds a cache on the disk that it cannot read."""

from __future__ import annotations

import errno
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jedi
import parso.cache
import pytest
from parso.grammar import load_grammar

from async_kernel.ipython import asking_jedi
from async_kernel.ipython.jedi_faults import guard_jedi

from .harness import Shell

BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda content: content[: len(content) // 2],
    "empty": lambda content: b"",
    "junk": lambda content: bytes(range(256)) * 4,
    "something else": lambda content: pickle.dumps({"node": 1}),
    "of a module that is gone": lambda content: b"cno_such_module\nName\n.",
}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine jedi is not stopped while it thinks."""
    monkeypatch.setattr(asking_jedi, "DEADLINE_SECONDS", 300.0)


def parse(folder: Path) -> str:
    """Have parso parse a file, by its cache, as another process would: nothing of it is in memory."""
    parso.cache.parser_cache.clear()
    source = folder / "module.py"
    source.write_text("there = 1\n")
    os.utime(source, (0, 0))  # older than the cache
    guard_jedi()
    return str(load_grammar().parse(path=source, cache=True, cache_path=folder / "cache").get_code())


def cached(folder: Path) -> dict[Path, int]:
    """The files of a cache, with their lengths."""
    return {path: path.stat().st_size for path in folder.rglob("*.pkl")}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_cannot_be_read_is_written_anew(tmp_path: Path, name: str) -> None:
    parse(tmp_path)
    (path,) = whole = cached(tmp_path)
    path.write_bytes(BROKEN[name](path.read_bytes()))
    assert parse(tmp_path) == "there = 1\n"
    assert cached(tmp_path) == whole


def test_a_cache_that_can_be_neither_read_nor_written_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    parse(tmp_path)
    (path,) = cached(tmp_path)
    path.write_bytes(b"")
    monkeypatch.setattr(Path, "unlink", full)
    monkeypatch.setattr(parso.cache, "_save_to_file_system", full)
    assert parse(tmp_path) == "there = 1\n"
    assert cached(tmp_path) == {path: 0}


def test_completions_behind_a_cache_that_is_cut_off(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "from bisect import insor"
    monkeypatch.setattr(jedi.settings, "cache_directory", str(tmp_path))
    parso.cache.parser_cache.clear()
    matches = set(shell.interpreter.complete(code, len(code))["matches"])
    assert "insort_left" in matches
    whole = cached(tmp_path)
    assert whole
    for path, length in whole.items():
        os.truncate(path, length // 2)
    parso.cache.parser_cache.clear()
    assert set(shell.interpreter.complete(code, len(code))["matches"]) == matches
    assert cached(tmp_path) == whole


@pytest.mark.parametrize("error", [ValueError("a bug"), RecursionError(), MemoryError(), EOFError()], ids=repr)
def test_where_jedi_raises_others_complete(shell: Shell, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fails(*arguments: object, **options: object) -> Any:
        raise error

    monkeypatch.setattr("jedi.api.Completion", fails)
    monkeypatch.setitem(shell.interpreter.shell.user_ns, "there", "text")
    # Within a lambda, where jedi is asked: values alone do not tell its names.
    assert "print" in shell.interpreter.complete("lambda: prin", 12)["matches"]
    reply = shell.interpreter.complete("lambda: there.capi", 18)
    assert (reply["matches"], reply["cursor_start"]) == (["capitalize"], 14)


def test_where_jedi_finds_nothing_nobody_else_is_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    monkeypatch.setattr("async_kernel.ipython.completion._completer", lambda *arguments: made.append(arguments))
    assert shell.interpreter.complete("zzzz.", 5)["matches"] == []
    assert made == []
