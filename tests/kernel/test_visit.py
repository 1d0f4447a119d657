"""Calls that other threads have made in a loop, while that is free."""

from __future__ import annotations

import threading

import pytest

from async_kernel.kernel.visit import visit

from .harness import DEADLINE, Harness


def test_it_is_called_in_the_loops_thread(kernel: Harness) -> None:
    kernel.execute("ok")
    kernel.interpreter.wait_for("ok")
    assert (
        visit(kernel.kernel.shells.main.bench.portal, threading.get_ident, DEADLINE) == kernel.interpreter.threads["ok"]
    )


def test_what_it_raises_is_raised(kernel: Harness) -> None:
    kernel.execute("ok")
    kernel.interpreter.wait_for("ok")
    with pytest.raises(ZeroDivisionError):
        visit(kernel.kernel.shells.main.bench.portal, lambda: 1 // 0, DEADLINE)


def test_a_busy_loop_is_not_waited_for_and_does_nothing_later(kernel: Harness) -> None:
    cell = kernel.execute("block gate")
    kernel.interpreter.wait_for("block gate")
    called: list[int] = []
    with pytest.raises(TimeoutError):
        visit(kernel.kernel.shells.main.bench.portal, lambda: called.append(1), 0.01)
    kernel.interpreter.release("gate")
    assert kernel.status(cell) == "ok"
    assert kernel.status(kernel.execute("ok")) == "ok"
    assert called == []


def test_without_a_loop_there_is_nothing_to_wait_for() -> None:
    with pytest.raises(TimeoutError):
        visit(None, int, DEADLINE)
