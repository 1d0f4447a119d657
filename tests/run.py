"""Install async-kernel with what its tests need into an environment of its own, and run them.

    python3 tests/run.py [ARGUMENTS OF PYTEST]

Needs CPython 3.11 or newer with venv, and a network for pip. The environment is `build/test-env`; delete it to begin
afresh. Without arguments all tests run, spread over some processes, and their coverage is shown;
`python3 tests/run.py tests/e2e -k trio` runs some of them, one after the other. The exit status is pytest's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = ROOT / "build" / "test-env"
GROUPS = ("test", "browser", "conda", "packaging", "docs")
EXTRAS = "all"

# Tests wait for kernels and browsers much of the time: on two cores three processes are worth it.
PROCESSES = min(4, 1 + (os.cpu_count() or 1))
EVERYTHING = [
    "--all",
    f"--numprocesses={PROCESSES}",
    "--no-loadscope-reorder",
    "--cov",
    "--cov-report=term:skip-covered",
    "--durations=30",
]

LIMIT = 55 * 60.0
"""Seconds that all tests together may take. A run that takes longer is interrupted, so that it says how far it came."""

PARTING = 60.0
"""Seconds that an interrupted run has for its summary."""


def main(arguments: list[str]) -> int:
    """Install and test; pytest's exit status."""
    python = install()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    status = run([str(python), "-m", "pytest", *(arguments or EVERYTHING)], environment)
    print(f"pytest ended with exit status {status}: {'all passed' if status == 0 else 'not all passed'}")
    return status


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run pytest, within the limit; its exit status."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as tests:
        try:
            return tests.wait(LIMIT)
        except subprocess.TimeoutExpired:
            print(f"The tests have taken {LIMIT / 60:.0f} minutes and are interrupted.", flush=True)
            tests.send_signal(signal.SIGINT)
        try:
            return tests.wait(PARTING) or 1
        except subprocess.TimeoutExpired:
            tests.kill()
            return 1


def install() -> Path:
    """Make the environment and install this checkout and its test groups into it; its interpreter."""
    python = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        print(f"Making an environment in {ENVIRONMENT} ...", flush=True)
        venv.create(ENVIRONMENT, with_pip=True)
    print("Installing async-kernel and what its tests need ...", flush=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--editable", f"{ROOT}[{EXTRAS}]", *requirements(GROUPS)], check=True)
    return python


def requirements(groups: tuple[str, ...]) -> list[str]:
    """The requirements of dependency groups of pyproject.toml (PEP 735), for a pip that does not know groups yet."""
    tables = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [requirement for group in groups for requirement in tables.get(group, ()) if isinstance(requirement, str)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
