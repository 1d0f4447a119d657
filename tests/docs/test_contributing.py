"""The page for contributors: what it sends them to is there, and no frequent change is spread over many files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

CHANGES = dict(re.findall(r"^\| (.+?) \| (.+) \|$", PAGE.partition("| change | files |\n|---|---|\n")[2], re.MULTILINE))

MOST = 3
"""Files for one change, as far as they exist before it; what a tool writes is not among them."""


def test_there_are_six_changes() -> None:
    assert len(CHANGES) == 6, list(CHANGES)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_has_few_files_and_these_exist(change: str) -> None:
    paths = {word for word in re.findall(r"`([^` ]+)`", CHANGES[change]) if "/" in word}
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert 1 <= len(paths) <= MOST, paths


def test_the_folders_of_its_commands_exist() -> None:
    folders = re.findall(r"^pytest (tests/\w+)", PAGE, re.MULTILINE)
    assert folders
    assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
