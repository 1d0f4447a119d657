"""Where the commands of pages are typed: a checkout, with an environment active that has the kernel in it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests.packaging.projects import copy_of_checkout, run, venv_python

__all__ = ["Desk", "make_desk"]

CLEARED = ("PYTHON", "VIRTUAL_ENV", "CONDA", "UV_PROJECT", "PIPX")

INSTALL = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")


class Desk(NamedTuple):
    """A checkout, and the variables of an active environment that has the kernel from it."""

    checkout: Path
    env: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return venv_python(Path(self.env["VIRTUAL_ENV"]))

    def install(self) -> None:
        """Install the kernel, as `pip install .` does."""
        run(self.python, *INSTALL, self.checkout, env=self.env, timeout=200)

    def type(self, script: str) -> subprocess.CompletedProcess[str]:
        """Type lines in a shell, in the checkout."""
        return subprocess.run(
            ["bash", "-c", script], cwd=self.checkout, env=dict(self.env), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=280, check=False,
        )  # fmt: skip


def make_desk(folder: Path, outside: Mapping[str, str]) -> Desk:
    """An environment that has the kernel from this checkout, and can import what the tests have."""
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
    scripts = [python.parent, Path(sys.executable).parent]
    env |= {"VIRTUAL_ENV": str(prefix), "PATH": os.pathsep.join([*map(str, scripts), "/usr/local/bin:/usr/bin:/bin"])}
    env |= {"JUPYTER_PATH": str(prefix / "share" / "jupyter"), "JUPYTER_RUNTIME_DIR": str(home / "runtime")}
    desk = Desk(copy_of_checkout(folder / "async-kernel"), env)
    desk.install()
    return desk
