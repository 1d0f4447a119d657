"""Writes the locks: every package that tests run with, pinned, with its hashes.

    python release/lock.py    # needs: pip install uv

`test-environment.txt` is the environment of the tests, `suites-environment.txt` that of the suites of other projects
(tests/suites), `clients-environment.txt` that of clients (tests/clients), `libraries-environment.txt` that of
libraries (tests/libraries), `gateways-environment.txt` and `enterprise-environment.txt` those of gateways and
`ray-environment.txt` that of ray (tests/beyond). All are for all systems and Pythons that the project supports (markers
say which); no line names an index, so whoever installs from one chooses where from:
`pip install --require-hashes -r release/test-environment.txt`, then `pip install --no-deps -e .`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

CHECKOUT = Path(__file__).parents[1]


class Lock(NamedTuple):
    """A lock: its file, and the extras and groups of pyproject.toml that it pins."""

    path: Path
    extras: tuple[str, ...]
    groups: tuple[str, ...]
    source: Path = Path("pyproject.toml")
    """The file whose requirements are pinned with them: the package's own, or those of an environment without it."""

    @property
    def header(self) -> str:
        """The comment at its top."""
        extras, groups = (", ".join(names) or "none" for names in (self.extras, self.groups))
        return (
            f"# Pinned and hashed: extras {extras}; groups {groups}.\n"
            f"# Written by release/lock.py; edit {self.source.as_posix()} and run it again.\n"
        )


LOCKS = (
    Lock(Path("release", "test-environment.txt"), ("all",), ("test", "browser", "conda", "packaging", "check", "docs")),
    Lock(Path("release", "suites-environment.txt"), ("trio", "uvloop", "debugger"), ("suites",)),
    Lock(Path("release", "clients-environment.txt"), ("trio", "uvloop", "debugger"), ("clients",)),
    Lock(Path("release", "libraries-environment.txt"), ("trio", "uvloop"), ("libraries",)),
    Lock(Path("release", "gateways-environment.txt"), ("trio", "uvloop", "gateway"), ("gateways",)),
    Lock(Path("release", "ray-environment.txt"), ("trio", "uvloop"), ("ray",)),
    Lock(Path("release", "enterprise-environment.txt"), (), (), source=Path("release", "enterprise-environment.in")),
)


def write(lock: Lock) -> str:
    """Resolve anew, keeping what the lock pins where it still fits, and return the new text."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-package", "async-kernel",
        *(f"--extra={extra}" for extra in lock.extras),
        *(f"--group=pyproject.toml:{group}" for group in lock.groups),
        "--output-file", str(lock.path), str(lock.source),
    ]  # fmt: skip
    subprocess.run(command, cwd=CHECKOUT, check=True)
    path = CHECKOUT / lock.path
    text = lock.header + path.read_text("utf-8").removeprefix(lock.header)
    path.write_text(text, "utf-8", newline="\n")
    return text


if __name__ == "__main__":
    for lock in LOCKS:
        write(lock)
