"""The table of suites, and the page that is written from it."""

from __future__ import annotations

import tomllib

from ..environments import ROOT, lock
from .page import PAGE, page
from .table import SUITES


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.suites --page`"


def test_the_libraries_are_of_the_versions_of_their_suites() -> None:
    pinned = lock("suites").read_text(encoding="utf-8")
    group = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["suites"]
    for suite in SUITES.values():
        pin = f"{suite.name}=={suite.version}"
        assert pin in group
        assert f"{pin} ".replace("_", "-") in pinned.replace("_", "-")


def test_no_test_is_listed_twice_for_a_backend() -> None:
    for suite in SUITES.values():
        for backend in suite.backends:
            listed = [test for each in suite.differences if backend in each.backends for test in each.tests]
            assert len(listed) == len(set(listed)), suite.name
