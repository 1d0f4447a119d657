"""The wheel and the sdist of the checkout, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.projects import build, copy_of_checkout


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout, at a path that no file of a build may name."""
    return copy_of_checkout(tmp_path_factory.mktemp("a_path_of_this_machine") / "async-kernel")


@pytest.fixture(scope="session")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist."""
    [sdist] = build(source, tmp_path_factory.mktemp("sdist"), "--sdist")
    return sdist


@pytest.fixture(scope="session")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    [wheel] = build(source, tmp_path_factory.mktemp("wheel"), "--wheel")
    return wheel
