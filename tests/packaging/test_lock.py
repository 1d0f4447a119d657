"""The locks pin what pyproject.toml asks for, with hashes, from no particular index."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.projects import CHECKOUT, project

spec = importlib.util.spec_from_file_location("lock", CHECKOUT / "release" / "lock.py")
assert spec is not None
assert spec.loader is not None
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)

TEXTS: dict[Path, str] = {each.path: (CHECKOUT / each.path).read_text("utf-8") for each in lock.LOCKS}


def pins(path: Path) -> list[Requirement]:
    """The pins of a lock."""
    return [Requirement(line.removesuffix(" \\")) for line in TEXTS[path].splitlines() if re.match(r"[a-z0-9]", line)]


def lines(path: Path) -> list[str]:
    """The requirements of a file that has one in a line."""
    return [line for line in (CHECKOUT / path).read_text("utf-8").splitlines() if line and not line.startswith("#")]


def asked_for() -> list[tuple[Path, Requirement]]:
    """Every requirement of the package, and of the extras and groups that each lock is made of, with the lock."""
    metadata = project()
    extras = metadata["project"]["optional-dependencies"]
    found = []
    for each in lock.LOCKS:
        names = extras if each.extras == ("all",) else each.extras
        lists = [
            metadata["project"]["dependencies"] if each.source.suffix == ".toml" else lines(each.source),
            *(extras[name] for name in names),
            *(metadata["dependency-groups"][group] for group in each.groups),
        ]
        texts = [text for texts in lists for text in texts if not text.startswith("async-kernel")]
        found += [(each.path, Requirement(text)) for text in texts]
    return found


@pytest.mark.parametrize(("path", "requirement"), asked_for(), ids=str)
def test_what_is_asked_for_is_pinned(path: Path, requirement: Requirement) -> None:
    same = [pin for pin in pins(path) if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    versions = [next(iter(pin.specifier)).version for pin in same]
    assert any(requirement.specifier.contains(each, prereleases=True) for each in versions), (
        f"{path} has {versions or 'no version'} of {requirement}: run `{sys.executable} release/lock.py`"
    )


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_every_pin_is_exact_and_hashed(path: Path) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", TEXTS[path], flags=re.M)[1:]
    assert len(blocks) == len(pins(path)) > 50
    assert [
        block for block in blocks if not re.match(r"[\w.-]+==[\w.+]+", block) or "--hash=sha256:" not in block
    ] == []


@pytest.mark.parametrize("path", TEXTS, ids=str)
def test_no_line_names_an_index_or_a_folder(path: Path) -> None:
    assert not re.search(r"://|--index|--find-links|--trusted|^-e|file:", TEXTS[path], re.M)
