"""The lock of the test environment pins what pyproject.toml asks for, with hashes, from no particular index."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.projects import CHECKOUT, project

spec = importlib.util.spec_from_file_location("lock", CHECKOUT / "release" / "lock.py")
assert spec is not None
assert spec.loader is not None
lock = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lock)

TEXT = (CHECKOUT / lock.LOCK).read_text("utf-8")
PINS = [Requirement(line.removesuffix(" \\")) for line in TEXT.splitlines() if re.match(r"[a-z0-9]", line)]


def asked_for() -> list[Requirement]:
    """Every requirement of the package, its extras, and the groups that the lock is made of."""
    metadata = project()
    lists = [
        metadata["project"]["dependencies"],
        *metadata["project"]["optional-dependencies"].values(),
        *(metadata["dependency-groups"][group] for group in lock.GROUPS),
    ]
    return [Requirement(text) for texts in lists for text in texts if not text.startswith("async-kernel")]


@pytest.mark.parametrize("requirement", asked_for(), ids=str)
def test_what_is_asked_for_is_pinned(requirement: Requirement) -> None:
    pins = [pin for pin in PINS if canonicalize_name(pin.name) == canonicalize_name(requirement.name)]
    versions = [next(iter(pin.specifier)).version for pin in pins]
    assert any(requirement.specifier.contains(each, prereleases=True) for each in versions), (
        f"the lock has {versions or 'no version'} of {requirement}: run `{sys.executable} release/lock.py`"
    )


def test_every_pin_is_exact_and_hashed() -> None:
    blocks = re.split(r"^(?=[a-z0-9])", TEXT, flags=re.M)[1:]
    assert len(blocks) == len(PINS) > 50
    assert [
        block for block in blocks if not re.match(r"[\w.-]+==[\w.+]+", block) or "--hash=sha256:" not in block
    ] == []


def test_no_line_names_an_index_or_a_folder() -> None:
    assert not re.search(r"://|--index|--find-links|--trusted|^-e|file:", TEXT, re.M)
