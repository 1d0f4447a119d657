"""Watching the parent process: a real process that ends, by each means that the systems offer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from async_kernel.system import parent_watch
from async_kernel.system.parent_watch import find_parent, parent_of, watch_parent
from async_kernel.system.processes import ancestors, list_processes
from async_kernel.system.real import real
from async_kernel.system.watch import Watch

DEADLINE = 20.0


@pytest.mark.parametrize(
    ("text", "pid"),
    [("4711", 4711), ("", None), ("0", None), ("1", None), ("-5", None), ("x", None), ("1.5", None), (" ", None)],
)
def test_what_the_environment_says(text: str, pid: int | None) -> None:
    assert parent_of({"JPY_PARENT_PID": text}) == pid
    assert parent_of({}) is None


@pytest.fixture
def watch() -> Watch:
    made = Watch()
    made.start()
    return made


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


def test_the_end_of_the_parent_is_told(watch: Watch, process: subprocess.Popen[bytes], way: str) -> None:
    gone = threading.Event()
    watch_parent(watch, process.pid, gone.set)
    assert not gone.wait(0.1), "it lives"  # long enough for ten polls
    end(process)
    assert gone.wait(DEADLINE)


def test_a_parent_that_is_gone_already_is_told(watch: Watch, process: subprocess.Popen[bytes], way: str) -> None:
    end(process)
    gone = threading.Event()
    watch_parent(watch, process.pid, gone.set)
    assert gone.wait(DEADLINE)


@pytest.mark.skipif(sys.platform != "linux", reason="a process that nobody has waited for: told by pidfd alone")
def test_a_dead_parent_that_nobody_has_buried_is_told(watch: Watch, process: subprocess.Popen[bytes]) -> None:
    gone = threading.Event()
    watch_parent(watch, process.pid, gone.set)
    process.kill()
    assert gone.wait(DEADLINE)


@pytest.mark.skipif(sys.platform == "win32", reason="asks by kill(pid, 0)")
def test_somebody_elses_process_lives(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([PermissionError, PermissionError, ProcessLookupError])
    asked: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        asked.append((pid, number))
        raise next(answers)

    monkeypatch.setattr(parent_watch, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(real, "kill", kill)
    gone = threading.Event()
    parent_watch._poll_for_end(watch, 4711, gone.set)
    assert gone.wait(DEADLINE)
    assert asked == [(4711, 0)] * 3


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows the parent is a handle")
class TestFindingTheParent:
    """Which process the kernel ends with, given the ancestors that the system shows and what the environment says."""

    @pytest.fixture(autouse=True)
    def system(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch = monkeypatch
        self.see([50, 40, 1])
        self.live_in(parent_watch.FIRST_NAMESPACE)

    def see(self, ancestors: list[int]) -> None:
        self.patch.setattr("async_kernel.system.processes.ancestors", lambda: ancestors)

    def live_in(self, namespace: str) -> None:
        self.patch.setattr(sys, "platform", "linux")
        self.patch.setattr(real, "readlink", {"/proc/self/ns/pid": namespace}.__getitem__)

    @pytest.mark.parametrize("said", [50, 40])
    def test_an_ancestor_is_believed(self, said: int) -> None:
        assert find_parent({"JPY_PARENT_PID": str(said)}) == said

    def test_detached_is_detached(self) -> None:
        assert find_parent({}) is None

    @pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
    def test_a_stranger_is_not_but_who_started_us_is(self, handler: signal.Handlers) -> None:
        self.patch.setattr(real, "getsignal", lambda number: handler)
        assert find_parent({"JPY_PARENT_PID": "60"}) == (50 if handler == signal.SIG_DFL else None)

    @pytest.mark.parametrize("ancestors", [[], [1]])
    def test_in_a_namespace_the_number_is_a_strangers(self, ancestors: list[int]) -> None:
        self.see(ancestors)
        self.live_in("pid:[4026532000]")
        assert find_parent({"JPY_PARENT_PID": "60"}) is None

    def test_an_orphan_of_the_machine_has_lost_its_parent(self) -> None:
        self.see([1])
        assert find_parent({"JPY_PARENT_PID": "60"}) == 60

    def test_the_ancestors_of_this_process(self) -> None:
        self.patch.undo()
        assert ancestors()[0] == os.getppid()
        if sys.platform == "linux":
            assert ancestors()[-1] <= 1 or ancestors()[-1] not in {one.pid for one in list_processes()}
