"""Threads of the kernel's own beside what users do to all threads, and where the system gives none."""

from __future__ import annotations

import sys
import threading

import pytest

from async_kernel.errors import NoThreadError
from async_kernel.system.service_thread import ServiceThread

DEADLINE = 20.0


def bad(*_: object) -> None:
    raise ValueError


def test_functions_that_trace_all_threads_are_not_for_it() -> None:
    """One that raises would end the thread."""
    traced: list[object] = []
    before, profiled = threading.gettrace(), threading.getprofile()
    threading.settrace(bad)
    threading.setprofile(bad)
    try:
        thread = ServiceThread("one", lambda *given: traced.extend([given, sys.gettrace(), sys.getprofile()]), (1, 2))
        thread.start()
        thread.join(DEADLINE)
    finally:
        threading.settrace(before)  # type: ignore[arg-type]
        threading.setprofile(profiled)
    assert traced == [(1, 2), traced[1], profiled]
    assert traced[1] is not bad


def test_where_there_is_none_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(NoThreadError, match="ulimit"):
        ServiceThread("one", bad).start()
    assert issubclass(NoThreadError, RuntimeError)
