"""A kernel that was a ready process is as one that was started cold: in all that a cell can see of it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.e2e.driver import DeadlineError, wait_until

from .conftest import StartWarm, wait_filled
from .portrait import OWN_MODULES, look, modules_of

ENV = {"JPY_SESSION_NAME": "/folder/a notebook.ipynb", "ADDED": "for the kernel", "TZ": "Asia/Kathmandu"}


@pytest.fixture
def unusual() -> Iterator[None]:
    """A server's process with settings that kernels inherit."""
    mask = os.umask(0o027)
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        yield
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


@pytest.mark.usefixtures("unusual")
def test_all_that_a_cell_can_see_is_the_same(start: StartWarm, backend: str) -> None:
    maker = start(backend)
    wait_filled(maker.pool)
    warm = start(backend, env=ENV)
    assert warm.is_warm
    assert not maker.is_warm
    maker.pool.clear()
    cold = start(backend, standbys=0, env=ENV)
    assert not cold.is_warm
    # A cold kernel imports the last of them when it is idle for the first time.
    wait_until(lambda: modules_of(warm) - OWN_MODULES == modules_of(cold), "the same modules")
    differing: dict[str, tuple[object, object]] = {}

    def is_alike() -> bool:
        """Whether they are; a thread that is on its way to its end, and the like, differs for a moment."""
        there, here = look(warm), look(cold)
        differing.clear()
        differing.update({name: (there.get(name), here.get(name)) for name in there.keys() | here.keys()})
        return all(one == other for one, other in differing.values())

    with suppress(DeadlineError):
        wait_until(is_alike, "alike", 5.0)
    assert {name: pair for name, pair in differing.items() if pair[0] != pair[1]} == {}
    assert differing["environment"][1] != look(maker)["environment"]
