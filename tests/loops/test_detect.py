"""loops.detect: facts in, Found out, on every platform from any."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from async_kernel.loops.detect import detect


def present(*names: str) -> Callable[[str], object]:
    return lambda name: object() if name in names else None


def test_facts_are_taken_from_the_parameters() -> None:
    found = detect("win32", {"DISPLAY": ":7", "HOME": "/x"}, present("winloop", "PySide2"), r"C:\py\python.exe")
    assert found.platform == "win32"
    assert found.interpreter == r"C:\py\python.exe"
    assert found.modules == {"winloop", "PySide2"}
    assert found.display == {"DISPLAY": ":7"}


def test_an_empty_variable_is_not_a_display() -> None:
    assert detect(environ={"DISPLAY": "", "WAYLAND_DISPLAY": "w"}).display == {"WAYLAND_DISPLAY": "w"}


def test_defaults_are_the_facts_of_this_process() -> None:
    found = detect()
    assert (found.platform, found.interpreter) == (sys.platform, sys.executable)
    assert {"trio", "uvloop", "tkinter"} <= found.modules


def test_a_stand_in_without_a_spec_counts_as_present(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winloop", type(sys)("winloop"))
    assert "winloop" in detect().modules


def test_nothing_is_imported_to_find_out() -> None:
    code = (
        "import sys; from async_kernel.loops import detect, plan, run; detect.detect();"
        "names = {'asyncio', 'anyio', 'trio', 'uvloop', 'tkinter', 'PySide6', 'dataclasses', 'socket'};"
        "print(sorted(names & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert out.stdout.strip() == "[]"
