"""Writes `release/test-environment.txt`: every package that the tests run with, pinned, with its hashes.

    python release/lock.py    # needs: pip install uv

For all systems and Pythons that the project supports (markers say which); no line names an index, so whoever installs
from it chooses where from: `pip install --require-hashes -r release/test-environment.txt`, then
`pip install --no-deps -e .`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
LOCK = Path("release", "test-environment.txt")
EXTRA = "all"
GROUPS = ("test", "browser", "conda", "packaging", "check", "docs")

HEADER = f"""\
# Pinned and hashed: extra `{EXTRA}` and groups {", ".join(GROUPS)} of pyproject.toml.
# Written by release/lock.py; edit pyproject.toml and run it again.
"""


def lock() -> str:
    """Resolve anew, keeping what the lock pins where it still fits, and return the new text."""
    command = [
        sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
        "--generate-hashes", "--no-header", "--no-annotate", "--extra", EXTRA, "--no-emit-package", "async-kernel",
        *(f"--group=pyproject.toml:{group}" for group in GROUPS),
        "--output-file", str(LOCK), "pyproject.toml",
    ]  # fmt: skip
    subprocess.run(command, cwd=CHECKOUT, check=True)
    path = CHECKOUT / LOCK
    text = HEADER + path.read_text("utf-8").removeprefix(HEADER)
    path.write_text(text, "utf-8", newline="\n")
    return text


if __name__ == "__main__":
    lock()
