"""Install async-kernel with what its tests need into an environment of its own, and run them.

    python3 tests/run.py [ARGUMENTS OF PYTEST]

Needs CPython 3.11 or newer with venv, and a network for pip. The environment is `build/test-env`; delete it to begin
afresh. Without arguments all tests run, spread over some processes, and their coverage is shown;
`python3 tests/run.py tests/e2e -k trio` runs some of them, one after the other. The exit status is pytest's.

Where all tests ran and a few failed, these run again alone, as CPython's `regrtest --rerun` does it: beside two others
on two cores a kernel may be late for reasons of the machine. One that passes alone three times in a row is named as
unsteady in the closing lines, for somebody to mend; one that fails again fails the run.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
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

FEW = 8
"""Failed tests that run again alone. Where more fail, it is not the machine."""

AGAIN = 3
"""Times in a row that a test which failed beside others has to pass alone."""

PARTING = 60.0
"""Seconds that an interrupted run has for its summary."""


def main(arguments: list[str]) -> int:
    """Install and test; pytest's exit status."""
    python = install()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    end = time.monotonic() + LIMIT
    status = run([str(python), "-m", "pytest", *(arguments or EVERYTHING)], environment, end)
    failed = last_failed()
    if not arguments and status == 1 and 0 < len(failed) <= FEW:
        print(f"Run again alone: {', '.join(failed)}", flush=True)
        alone = [str(python), "-m", "pytest", "--all", "-p", "no:cacheprovider", *failed]
        if all(run(alone, environment, end) == 0 for _ in range(AGAIN)):
            print(f"Unsteady: failed beside others, passed {AGAIN} times alone. To be mended: {', '.join(failed)}")
            print(f"pytest ended with exit status 0: all passed, {len(failed)} of them only alone")
            return 0
    print(f"pytest ended with exit status {status}: {'all passed' if status == 0 else 'not all passed'}")
    return status


def last_failed() -> list[str]:
    """The ids of the tests that failed when pytest ran last; none where it cannot be known."""
    try:
        return sorted(json.loads((ROOT / ".pytest_cache/v/cache/lastfailed").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return []


def run(command: list[str], environment: dict[str, str], end: float) -> int:
    """Run pytest, until a moment of the monotonic clock at the latest; its exit status."""
    with subprocess.Popen(command, cwd=ROOT, env=environment) as tests:
        try:
            return tests.wait(max(0.0, end - time.monotonic()))
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
