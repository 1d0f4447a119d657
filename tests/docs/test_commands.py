"""Every command that a page shows is typed as it stands there, in a checkout, in an environment of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.packaging.projects import copy_of_checkout, run, venv_python

from .fences import PAGES, ROOT, Fence, fences, name_of
from .table import ELSEWHERE

pytestmark = pytest.mark.timeout(300)

CLEARED = ("PYTHON", "VIRTUAL_ENV", "CONDA", "UV_PROJECT", "PIPX")


def commands(fence: Fence) -> list[str]:
    """The commands of a fence: lines without their comments, continued ones joined."""
    lines = fence.text.replace("\\\n", " ").splitlines()
    stripped = [re.sub(r"(^|\s{2,})#.*$", "", line).strip() for line in lines]
    return [re.sub(r"\s{2,}", " ", line) for line in stripped if line]


SHOWN = {page: [c for f in fences(page) if f.words[:1] == ("sh",) for c in commands(f)] for page in PAGES}
TYPED = {page: [c for c in shown if c not in ELSEWHERE] for page, shown in SHOWN.items()}


class Desk(NamedTuple):
    """Where commands are typed: a checkout, and the variables of an active environment with the kernel in it."""

    checkout: Path
    env: Mapping[str, str]


INSTALL = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")


@pytest.fixture(scope="module")
def shared_desk(outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An environment that has the kernel from this checkout, and can import what the tests have."""
    folder = tmp_path_factory.mktemp("desk")
    home = folder / "home"
    home.mkdir()
    prefix = folder / "science"
    env = {name: value for name, value in outside.items() if not name.startswith((*CLEARED, "JUPYTER", "IPYTHON"))}
    env |= {"HOME": str(home), "XDG_DATA_HOME": str(home / ".local/share"), "MPLCONFIGDIR": str(home / "mpl")}
    run(sys.executable, "-m", "uv", "venv", "--quiet", "--seed", "--python", sys.executable, prefix, env=env)
    python = venv_python(prefix)
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", env=env).strip()
    ours = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", env=env).strip()
    Path(site, "zz_tests.pth").write_text(f"{ours}\n", encoding="utf-8")
    checkout = copy_of_checkout(folder / "async-kernel")
    run(python, *INSTALL, checkout, env=env, timeout=200)
    scripts = [python.parent, Path(sys.executable).parent]
    env |= {"VIRTUAL_ENV": str(prefix), "PATH": os.pathsep.join([*map(str, scripts), "/usr/local/bin:/usr/bin:/bin"])}
    env |= {"JUPYTER_PATH": str(prefix / "share" / "jupyter"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    return Desk(checkout, env)


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """The same for each page, with the kernel in it: a page may end in its removal."""
    python = venv_python(Path(shared_desk.env["VIRTUAL_ENV"]))
    if not (python.parent / "async-kernel").exists():
        run(python, *INSTALL, shared_desk.checkout, env=shared_desk.env, timeout=200)
    return shared_desk


@pytest.mark.skipif(shutil.which("bash") is None, reason="the pages show commands for a POSIX shell")
@pytest.mark.parametrize("page", [pytest.param(p, id=name_of(p)) for p, typed in TYPED.items() if typed])
def test_the_commands_of_a_page(page: Path, desk: Desk) -> None:
    script = "\n".join(["set -euo pipefail", *TYPED[page]])
    done = subprocess.run(
        ["bash", "-c", script], cwd=desk.checkout, env=dict(desk.env), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{script}\n\n{done.stdout}\n{done.stderr}"


def test_what_is_not_typed_here_is_shown_somewhere() -> None:
    shown = {command for commands in SHOWN.values() for command in commands}
    assert not set(ELSEWHERE) - shown, "the table names commands that no page shows"


def test_what_is_said_to_be_run_elsewhere_is_there() -> None:
    for command, reason in ELSEWHERE.items():
        for path in re.findall(r"(?:tests|benchmarks|\.ci)/[\w/.]+\w", reason):
            assert (ROOT / path).exists(), f"{command}: {path}"
