"""The tests that the chaos suite leaves to others are there."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.elsewhere import ELSEWHERE

ROOT = Path(__file__).resolve().parents[1]


def test_each_is_there() -> None:
    for what, node in ELSEWHERE.items():
        file, _, name = node.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), what
