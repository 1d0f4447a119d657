"""Builds of the checkout and interpreters to install them into."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CHECKOUT", "build", "copy_of_checkout", "find_python", "project", "run", "unpack_sdist", "venv_python"]

CHECKOUT = Path(__file__).parents[2]


@functools.cache
def project() -> dict[str, Any]:
    """pyproject.toml as data."""
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str | Path, env: Mapping[str, str], cwd: Path | None = None, timeout: float = 120) -> str:
    """Run a program and return what it printed. Fails the test unless it exits with 0."""
    done = subprocess.run(
        [str(part) for part in command],
        env=dict(env), cwd=cwd, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_of_checkout(folder: Path) -> Path:
    """Copy what git tracks or would track of the checkout into `folder`, with other times and another path."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if listed.returncode:  # an unpacked sdist
        names = [
            path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.rglob("*") if "__pycache__" not in path.parts
        ]
    else:
        names = listed.stdout.split("\0")
    for name in filter(None, names):
        source = CHECKOUT / name
        if source.is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
            target.chmod(0o755 if source.stat().st_mode & 0o100 else 0o644)
    return folder


def build(source: Path, folder: Path, *what: str, env: Mapping[str, str] | None = None) -> list[Path]:
    """Build the sdist and the wheel (or just `what`, for example "--sdist") with the installed hatchling."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *what, str(source)]
    run(*command, env=os.environ if env is None else env)
    return sorted(folder.iterdir())


def unpack_sdist(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist below `folder` and return the one folder that is in it."""
    with tarfile.open(sdist) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # CPython before 3.11.4 has none
        archive.extractall(folder)
    [project] = folder.iterdir()
    return project


def find_python(version: str) -> Path | None:
    """An interpreter of a version such as "3.13", as people have them: on PATH, from pyenv, or the running one."""
    candidates = [f"python{version}"]
    roots = [os.environ.get("PYENV_ROOT", ""), os.path.expanduser("~/.pyenv")]  # noqa: PTH111  # may be undefined
    for root in filter(None, roots):
        candidates += [str(path) for path in sorted(Path(root, "versions").glob(f"{version}.*/bin/python{version}"))]
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        candidates.insert(0, sys.executable)
    for candidate in candidates:
        code = "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"
        try:
            done = subprocess.run(
                [candidate, "-c", code], capture_output=True, text=True, timeout=30, check=False, env=_outside_venv()
            )
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.split()[-1] == version:
            return Path(done.stdout.rsplit(maxsplit=1)[0])
    return None


def _outside_venv() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}


def venv_python(folder: Path) -> Path:
    """The interpreter of a virtual environment."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
