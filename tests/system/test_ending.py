"""The end of a process that waits for threads."""

from __future__ import annotations

import logging
import threading

import pytest

from async_kernel.system import ending
from async_kernel.system.ending import Ending
from async_kernel.system.real import real

DEADLINE = 20.0


def test_a_main_thread_that_is_late_to_its_end_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, statuses = threading.Event(), []
    looks = iter([False, False, True])

    def end(status: int) -> None:
        statuses.append(status)
        ended.set()

    monkeypatch.setattr(ending, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(ending, "_waits_for_threads", lambda: next(looks))
    monkeypatch.setattr(real, "run_exit_functions", int)
    monkeypatch.setattr(real, "exit", end)
    Ending(logging.getLogger("nowhere")).wait_for_threads(0.001, 3)
    assert ended.wait(DEADLINE)
    assert statuses == [3]
    assert list(looks) == []
