"""Programs that work for later cells: an interrupt that comes while one is started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import pytest

from async_kernel.stacks import Stack, runs_user_code
from async_kernel.streams import workers
from async_kernel.streams.descriptors import Capture
from async_kernel.streams.workers import lend_pipes
from tests.frames import function_in, nested

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows starts programs by another function")


class Lender:
    """A capture that lends nothing, and notes whether it was asked and whether all has been given back."""

    asked = lent = 0

    @contextmanager
    def lending(self) -> Iterator[dict[int, int]]:
        self.asked += 1
        self.lent += 1
        try:
            yield {}
        finally:
            self.lent -= 1


@pytest.mark.parametrize("lends", [False, True], ids=["by itself", "with pipes"])
def test_an_interrupt_ends_the_cell_as_soon_as_a_program_has_been_started(
    monkeypatch: pytest.MonkeyPatch, lends: bool
) -> None:
    import _posixsubprocess

    stacks: list[Stack] = []

    def start(*args: object) -> int:
        stacks.append(Stack(sys._getframe(1)))  # as the handler finds it that runs when this returns
        raise KeyboardInterrupt

    monkeypatch.setattr(_posixsubprocess, "fork_exec", start)
    monkeypatch.setattr(workers, "is_of_library", lambda stack: lends)
    lender = Lender()
    restore = lend_pipes(cast("Capture", lender))
    try:
        # No program is started: these are no arguments of one.
        program = nested(function_in("subprocess"), lambda: _posixsubprocess.fork_exec(*[-1] * 12))  # type: ignore[arg-type]
        cell = nested(runs_user_code(function_in("async_kernel.somewhere")), nested(function_in("__main__"), program))
        with pytest.raises(KeyboardInterrupt):
            cell()
    finally:
        restore()
    (stack,) = stacks
    assert stack.can_raise
    assert (lender.asked, lender.lent) == (lends, 0)
