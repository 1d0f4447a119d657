"""From settings to a start: interfaces by name, plans."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from types import ModuleType

import pytest

from async_kernel import launcher
from async_kernel.errors import UsageError
from async_kernel.launcher import load_interface, make_plan, start
from async_kernel.settings import Settings


def test_an_interface_is_found_by_its_name() -> None:
    assert load_interface("async_kernel.launcher.start") is start
    assert load_interface("async_kernel.launcher:start") is start


def test_an_interface_is_found_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def begin(settings):\n    return settings, __name__\n")
    settings = Settings()
    assert load_interface(f"{path}:begin")(settings) == (settings, "async_kernel_start_interface")


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        ":",
        "start",
        ".relative",
        "..relative.name",
        "no_such_module_at_all.start",
        "async_kernel.launcher.no_such_name",
        "async_kernel.launcher:",
        "/no/such/file.py:start",
    ],
)
def test_what_cannot_be_loaded_is_a_usage_error(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_interface(name)
    assert repr(name) in str(caught.value)
    assert caught.value.next_step


def test_a_file_without_the_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("")
    with pytest.raises(UsageError, match="begin"):
        load_interface(f"{path}:begin")


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (3, 3)])
def test_start_gives_the_exit_status(monkeypatch: pytest.MonkeyPatch, returned: int | None, status: int) -> None:
    module = ModuleType("an_interface_of_a_test")
    seen: list[Settings] = []

    def begin(settings: Settings) -> int | None:
        seen.append(settings)
        return returned

    vars(module)["begin"] = begin
    monkeypatch.setitem(sys.modules, module.__name__, module)
    settings = Settings(start_interface=f"{module.__name__}.begin")
    assert start(settings) == status
    assert seen == [settings]


def test_an_interface_of_the_users_own_has_its_garbage_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m async_kernel` has switched that off."""
    seen: list[bool] = []
    module = ModuleType("an_interface_of_a_test")
    vars(module)["begin"] = lambda settings: seen.append(gc.isenabled())
    monkeypatch.setitem(sys.modules, module.__name__, module)
    gc.disable()
    try:
        start(Settings(start_interface=f"{module.__name__}.begin"))
    finally:
        gc.enable()
    assert seen == [True]


def test_ours_looks_for_no_garbage_before_all_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first collection after that is one of all objects: 4 of the 60 ms before the first reply."""
    seen: list[bool] = []
    monkeypatch.setattr(launcher, "load_interface", lambda path: lambda settings: seen.append(gc.isenabled()))
    gc.disable()
    try:
        start(Settings())
    finally:
        gc.enable()
    assert seen == [False]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_plan_says_what_will_run(backend: str) -> None:
    plan = make_plan(Settings(backend=backend))
    assert plan.backend == backend
    assert plan.host is None
