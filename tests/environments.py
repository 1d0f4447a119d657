"""Environments that tests make for themselves: pinned, so that a new release of a library does not change what is seen.

Each has a name, "suites": it holds what `release/suites-environment.txt` pins, and this checkout, editable.
It is made once and kept under `build/suites`, until the pins or the interpreter change.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ROOT", "cache", "lock", "make", "site_packages"]

ROOT = Path(__file__).parents[1]


def cache(name: str) -> Path:
    """The folder for what is kept from run to run: `build/suites`."""
    return ROOT / "build" / name


def lock(name: str) -> Path:
    """The lock of an environment: `release/suites-environment.txt`. `release/lock.py` writes it."""
    return ROOT / "release" / f"{name}-environment.txt"


def site_packages(python: Path) -> Path:
    """The folder of the packages that are installed for an interpreter."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    said = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    return Path(said.rstrip("\n"))


def make(name: str, variables: Mapping[str, str], ours: bool = True) -> Path:
    """The interpreter of an environment, which is made if it is not there or out of date.

    `variables` is the environment in which pip finds its configuration. `ours` says whether this checkout is in it.
    """
    folder = cache(name) / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made_from = folder / "made-from"
    state = hashlib.sha256(lock(name).read_bytes() + sys.version.encode()).hexdigest()
    if not made_from.exists() or made_from.read_text(encoding="utf-8") != state:
        venv.EnvBuilder(clear=True, with_pip=False).create(folder)
        pip = [
            sys.executable,
            "-m",
            "pip",
            f"--python={python}",
            "install",
            "-qq",
            "--no-compile",
            "--disable-pip-version-check",
        ]
        checkout = [["--no-deps", f"--editable={ROOT}"]] if ours else []
        for what in (["--require-hashes", f"--requirement={lock(name)}"], *checkout):
            subprocess.run([*pip, *what], check=True, timeout=600, env=dict(variables))
        made_from.write_text(state, encoding="utf-8")
    return python
