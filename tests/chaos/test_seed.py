"""A run can be repeated: the same seed gives the same rows, the same messages, in another process as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

MESSAGES = """
import random
from tests.chaos.junk import junk
chance = random.Random("{seed} a test")
print([str(junk(chance)) for _ in range(500)])
"""


def said(*arguments: str, hashes: int) -> str:
    """What an interpreter prints whose sets and dictionaries have an order of their own; without times."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(hashes), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return "\n".join(line for line in done.stdout.splitlines() if " collected " not in line)


def rows(seed: int, hashes: int) -> str:
    here = "tests/chaos"
    return said("-m", "pytest", here, "-m", "chaos", "--collect-only", "-q", f"--seed={seed}", hashes=hashes)


def test_the_same_seed_takes_the_same_rows() -> None:
    assert "test_a_fault" in rows(7, 1)
    assert rows(7, 1) == rows(7, 2)
    assert rows(7, 1) != rows(8, 1)


def test_the_same_seed_sends_the_same_messages() -> None:
    def sent(seed: int, hashes: int) -> str:
        return said("-c", MESSAGES.format(seed=seed), hashes=hashes)

    assert sent(7, 1) == sent(7, 2)
    assert sent(7, 1) != sent(8, 1)
