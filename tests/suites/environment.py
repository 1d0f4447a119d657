"""The environment of the suites: pinned, so that a new release of a library does not change the table.

It holds this checkout, editable, and the packages of `release/suites-environment.txt`. It is made once and kept under
`build/`, until the pins or the interpreter change.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

__all__ = ["CACHE", "ROOT", "make"]

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "suites"
LOCK = ROOT / "release" / "suites-environment.txt"


def make(folder: Path, variables: Mapping[str, str]) -> Path:
    """The interpreter of an environment below `folder`, made if it is not there or out of date.

    `variables` is the environment in which pip finds its configuration.
    """
    folder = folder / f"python{sys.version_info.major}.{sys.version_info.minor}"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made_from = folder / "made-from"
    state = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
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
        for what in (["--require-hashes", f"--requirement={LOCK}"], ["--no-deps", f"--editable={ROOT}"]):
            subprocess.run([*pip, *what], check=True, timeout=600, env=dict(variables))
        made_from.write_text(state, encoding="utf-8")
    return python
