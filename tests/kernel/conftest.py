"""A kernel per test, on each backend."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .harness import Harness


@pytest.fixture
def unserved(backend: str) -> Iterator[Harness]:
    """A kernel that takes requests in, and that nobody serves yet."""
    harness = Harness(backend)
    yield harness
    harness.close()


@pytest.fixture
def kernel(unserved: Harness) -> Harness:
    """A kernel that serves, in a thread."""
    return unserved.start()
