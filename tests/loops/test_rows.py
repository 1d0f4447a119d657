"""A host is a row and a file: a copy of the package that is given these two has the host everywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.loops.conftest import DEBIAN_GI, Play

ROOT = Path(__file__).parents[2]

ROW = """HOSTS: Mapping[str, HostRow] = {
    "gtk": HostRow(
        "async_kernel.loops.hosts.gtk:GtkHost",
        modules=("gi",),
        package=lambda module, version: "PyGObject",
        displays=("DISPLAY", "WAYLAND_DISPLAY"),
        guis={"gtk3": ("gi.repository.Gtk",)},
    ),
"""

BEFORE_THE_START = """
from async_kernel.errors import HostUnavailableError, MissingPackageError
from async_kernel.loops.detect import detect
from async_kernel.loops.plan import plan
from async_kernel.settings import parse

settings = parse(["-f", ".", "--host=gtk"]).settings
for has_it, environ in ((True, {"WAYLAND_DISPLAY": "w"}), (False, {"DISPLAY": ":0"}), (True, {})):
    try:
        print(plan(settings, detect("linux", environ, lambda name: has_it and name == "gi" or None)).host)
    except (MissingPackageError, HostUnavailableError) as error:
        print(error.message, error.next_step.partition(" -m ")[2])
"""

NAMES = """
import sys
from async_kernel.ipython.gui import UsageError, enable_gui

for gui, host in (("gtk", "gtk3"), ("gtk3", "gtk3"), ("gtk3", None)):
    sys.modules["gi.repository.Gtk"] = sys
    try:
        print(enable_gui(gui, host))
    except UsageError as error:
        print(error)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the package, to which the row and the file of a host were added, and with these tests."""
    shutil.copytree(ROOT / "async_kernel", tmp_path / "async_kernel", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    shutil.copy(ROOT / "tests/loops/gtk_host.py", tmp_path / "async_kernel/loops/hosts/gtk.py")
    rows = tmp_path / "async_kernel/settings/hosts.py"
    head, begin, rest = rows.read_text().partition("HOSTS: Mapping[str, HostRow] = {\n")
    assert begin
    rows.write_text(head + ROW + rest)
    return tmp_path


def lines_of(code: str, folder: Path, arguments: Sequence[str] = ()) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_option_the_plan_and_the_check_know_it(copy: Path) -> None:
    assert lines_of(BEFORE_THE_START, copy) == [
        "gtk",
        'The host gtk needs gi. pip install "PyGObject"',
        "The host gtk has no display to open windows on: neither DISPLAY nor WAYLAND_DISPLAY is set. ",
    ]


def test_its_names_are_known_to_magics(copy: Path) -> None:
    *fits, hint = lines_of(NAMES, copy)
    assert fits == ["None", "None"]
    assert hint.endswith("for example with: async-kernel -a async-gtk3 --host=gtk")


@pytest.mark.skipif(
    not DEBIAN_GI.exists() or sys.version_info[:2] != (3, 11),
    reason="PyGObject has no wheels; Debian 12's is for CPython 3.11",
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_it_runs(copy: Path, play: Play, backend: str) -> None:
    scenario = "a_window_lives_while_main_awaits_and_main_ends_though_it_is_open"
    assert play(scenario, "gtk", backend, root=copy).split() == ["done", "returned"]
