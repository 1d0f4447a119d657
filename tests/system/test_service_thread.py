"""Threads of the kernel's own beside what users do to all threads, and where the system gives none."""

from __future__ import annotations

import queue
import sys
import threading

import pytest

from async_kernel.errors import NoThreadError
from async_kernel.system.service_thread import ServiceThread, Worker

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
        threading.settrace(before)
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


def test_an_end_that_is_asked_for_while_no_thread_runs_loses_nothing() -> None:
    served: queue.SimpleQueue[str] = queue.SimpleQueue()
    worker = Worker("one", served.put)
    worker.close()
    assert worker.put("late")
    assert served.get(timeout=DEADLINE) == "late"
    worker.close()


def test_what_is_put_behind_an_end_is_served_before_the_thread_ends() -> None:
    """The end is asked for while the thread serves, and more comes before the thread reads of it."""
    served: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    began, go_on = threading.Event(), threading.Event()

    def serve(item: str) -> None:
        began.set()
        assert go_on.wait(DEADLINE)
        served.put(threading.current_thread())

    worker = Worker("one", serve)
    assert worker.put("first")
    assert began.wait(DEADLINE)
    worker.close()
    assert worker.put("late")
    go_on.set()
    first, late = served.get(timeout=DEADLINE), served.get(timeout=DEADLINE)
    assert first is late
    late.join(DEADLINE)
    assert not late.is_alive()
    assert worker.put("later still")  # by a new thread
    assert served.get(timeout=DEADLINE) is not late
    worker.close()
