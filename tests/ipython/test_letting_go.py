"""The end of a namespace: each `__del__` finds its names, and all objects are looked through once."""

from __future__ import annotations

import gc
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from async_kernel.ipython import letting_go

CELL = """
class T:
    def __init__(self, name): self.name = name
    def __del__(self, said=said): said.append((self.name, 'T' in globals()))
class C: held = T('by a class')
def f(): pass
f.held = T('by a function')
plain = T('plain')
ring = T('a ring'); ring.me = ring
dropped = T('a dropped ring'); dropped.me = dropped; del dropped
loose = Module('loose'); loose.held = T('by a module'); loose.me = loose
several = [T('in a list')]; several.append(several)
def generates():
    held = T('by a generator')
    yield
going = generates(); next(going); round = [going]; round.append(round); del going
"""

NAMES = [
    "a dropped ring",
    "a ring",
    "by a class",
    "by a function",
    "by a generator",
    "by a module",
    "in a list",
    "plain",
]


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each time that all objects were looked through."""
    seen: list[int] = []

    def collect() -> int:
        seen.append(1)
        return gc.collect()

    monkeypatch.setattr(letting_go, "gc", SimpleNamespace(collect=collect))
    return seen


def let_go(kept: Callable[[dict[str, Any]], object] = lambda namespace: None) -> list[tuple[str, bool]]:
    """Run the cell, and let its namespace go, of which `kept(namespace)` stays; what each `__del__` has said."""
    said: list[tuple[str, bool]] = []
    namespace: dict[str, Any] = {"__name__": "m", "said": said, "Module": ModuleType}
    exec(CELL, namespace)
    held = kept(namespace)
    mine = [namespace]
    del namespace
    letting_go.let_go(mine.pop(), "m", lambda: None)
    del held
    return sorted(said)


def test_each_of_what_is_left_finds_its_names(looks: list[int]) -> None:
    assert let_go() == [(name, True) for name in NAMES]
    assert len(looks) == 1


def test_where_a_function_of_a_cell_is_kept_none_is_left_out(looks: list[int]) -> None:
    """They may be called when their names have gone."""
    said = let_go(lambda namespace: namespace["f"])
    assert [name for name, _ in said] == NAMES
    assert {name for name, knows in said if not knows} <= {"by a class", "by a function", "by a module"}
    assert len(looks) == 2


def test_results_are_forgotten() -> None:
    hook = SimpleNamespace(_=1, __=2, ___=3)
    results = {1: "a result"}
    letting_go.forget_results(hook, {"_oh": results})  # as much of it as is used
    letting_go.forget_results(hook, {})
    assert (results, hook._, hook.__, hook.___) == ({}, "", "", "")
