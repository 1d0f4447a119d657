"""Watching the parent process: a real process that ends, by each means that the systems offer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from async_kernel.system import parent_watch
from async_kernel.system.parent_watch import parent_of, watch_parent
from async_kernel.system.real import real

DEADLINE = 20.0


@pytest.mark.parametrize(
    ("text", "pid"),
    [("4711", 4711), ("", None), ("0", None), ("1", None), ("-5", None), ("x", None), ("1.5", None), (" ", None)],
)
def test_what_the_environment_says(text: str, pid: int | None) -> None:
    assert parent_of({"JPY_PARENT_PID": text}) == pid
    assert parent_of({}) is None


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends when its stdin is closed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as made:
        yield made


def end(process: subprocess.Popen[bytes]) -> None:
    process.communicate(b"\n", timeout=DEADLINE)


def no_pidfd(pid: int, flags: int = 0) -> int:
    raise PermissionError("not in this sandbox")


@pytest.fixture(params=["by the system", "by polling"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "by polling":
        if sys.platform == "win32":
            pytest.skip("Windows always has handles to wait on")
        monkeypatch.setattr(parent_watch, "POLL_SECONDS", 0.01)
        if hasattr(os, "pidfd_open"):
            monkeypatch.setattr(real, "pidfd_open", no_pidfd)
    elif sys.platform != "linux":
        pytest.skip("watches by process id, which the system offers nothing to wait on for")
    return str(request.param)


def test_the_end_of_the_parent_is_told(process: subprocess.Popen[bytes], way: str) -> None:
    gone = threading.Event()
    thread = watch_parent(process.pid, gone.set)
    assert thread.daemon
    assert not gone.wait(0.1), "it lives"  # long enough for ten polls
    end(process)
    assert gone.wait(DEADLINE)
    thread.join(DEADLINE)
    assert not thread.is_alive()


def test_a_parent_that_is_gone_already_is_told(process: subprocess.Popen[bytes], way: str) -> None:
    end(process)
    gone = threading.Event()
    watch_parent(process.pid, gone.set)
    assert gone.wait(DEADLINE)


@pytest.mark.skipif(sys.platform != "linux", reason="a process that nobody has waited for: told by pidfd alone")
def test_a_dead_parent_that_nobody_has_buried_is_told(process: subprocess.Popen[bytes]) -> None:
    gone = threading.Event()
    watch_parent(process.pid, gone.set)
    process.kill()
    assert gone.wait(DEADLINE)


@pytest.mark.skipif(sys.platform == "win32", reason="asks by kill(pid, 0)")
def test_somebody_elses_process_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PermissionError, PermissionError, ProcessLookupError])
    asked: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        asked.append((pid, number))
        raise next(answers)

    monkeypatch.setattr(parent_watch, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(real, "kill", kill)
    parent_watch._poll_for_end(4711)
    assert asked == [(4711, 0)] * 3
