"""The desk is made once for all pages."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .desk import Desk, make_desk


@pytest.fixture(scope="package")
def shared_desk(outside: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An environment that has the kernel from this checkout."""
    return make_desk(tmp_path_factory.mktemp("desk"), outside)


@pytest.fixture
def desk(shared_desk: Desk) -> Desk:
    """The same for each page, with the kernel in it: a page may end in its removal."""
    if not (shared_desk.python.parent / "async-kernel").exists():
        shared_desk.install()
    return shared_desk
