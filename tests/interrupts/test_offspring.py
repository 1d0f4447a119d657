"""The processes that an interrupt is for, too: real ones, started before a moment and after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

from async_kernel.system.real import real

if sys.platform == "win32":
    pytest.skip("a process cannot be interrupted alone on Windows", allow_module_level=True)

from async_kernel.interrupts import offspring
from async_kernel.interrupts.offspring import interrupt_offspring, moment
from async_kernel.system import processes

DEADLINE = 20.0

Start = Callable[..., "subprocess.Popen[bytes]"]


children = pytest.mark.skipif(
    not Path(f"/proc/self/task/{threading.get_native_id()}/children").exists(),
    reason="this system does not say which thread has started a process",
)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start processes that sleep."""
    with ExitStack() as stack:

        def start(**options: Any) -> subprocess.Popen[bytes]:
            child = subprocess.Popen(["sleep", "100"], **options)
            stack.callback(child.wait, DEADLINE)
            stack.callback(child.kill)
            return child

        yield start


def was_interrupted(child: subprocess.Popen[bytes]) -> bool:
    """Whether it has got SIGINT. Of two signals that wait the lower number is the first to arrive."""
    child.terminate()
    return child.wait(DEADLINE) == -signal.SIGINT


def test_what_is_older_is_spared_however_little(start: Start) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems count in seconds")
    start()
    for _ in range(20):  # most of them within one tick of the system's clock
        before = start()
        now = moment()
        after = start()
        interrupt_offspring(now)
        assert was_interrupted(after)
        assert not was_interrupted(before)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot be asked before Python 3.13")
def test_where_there_is_no_child_all_that_comes_is_later(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise ChildProcessError

    with monkeypatch.context() as patch:
        patch.setattr(real, "waitid", none)
        now = moment()
    assert now == (-1, 0)
    child = start()
    interrupt_offspring(now, spared=[])
    assert was_interrupted(child)


def test_what_the_child_has_started_is_told(start: Start) -> None:
    start()
    now = moment()
    with subprocess.Popen(["sh", "-c", "echo up; sleep 100; true"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        # Before it is the program, it is a shell that takes no signal.
        while not (program := [one for one in psutil.Process(shell.pid).children() if one.name() == "sleep"]):
            pass
        interrupt_offspring(now)
        assert shell.wait(DEADLINE) == -signal.SIGINT
        assert program[0].wait(DEADLINE) is None or not program[0].is_running()


@pytest.mark.parametrize("options", [{"start_new_session": True}, {"process_group": 0}], ids=str)
def test_what_has_a_group_of_its_own_is_spared(start: Start, options: dict[str, object]) -> None:
    start()
    now = moment()
    child = start(**options)
    interrupt_offspring(now, waited=[child.pid])
    assert not was_interrupted(child)


def test_what_is_waited_for_is_told_however_old(start: Start) -> None:
    child, other = start(), start()
    interrupt_offspring(moment(), waited=[child.pid])
    assert was_interrupted(child)
    assert not was_interrupted(other)
    waited = start()
    interrupt_offspring(None, waited=[waited.pid])
    assert was_interrupted(waited)


@children
def test_what_another_thread_has_started_may_be_spared(start: Start) -> None:
    start()
    now = moment()
    theirs: list[subprocess.Popen[bytes]] = []
    started, checked = threading.Event(), threading.Event()

    def other() -> None:
        theirs.append(start())
        started.set()
        checked.wait(DEADLINE)  # with the thread goes the knowledge

    thread = threading.Thread(target=other)
    thread.start()
    assert started.wait(DEADLINE)
    ours = start()
    interrupt_offspring(now, spared=[thread.ident or 0])
    checked.set()
    thread.join()
    assert was_interrupted(ours)
    assert not was_interrupted(theirs[0])


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the list is always asked")
def test_without_children_no_list_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a C call that holds the GIL, as a cell may, each file that is read costs the length of that call."""

    def none(*arguments: object) -> None:
        raise ChildProcessError

    monkeypatch.setattr(real, "waitid", none)
    monkeypatch.setattr(offspring, "list_descendants", lambda others: pytest.fail("the processes were listed"))
    offspring.interrupt_offspring(None)
    assert offspring.moment() == offspring.ALWAYS


@children
def test_beside_children_only_these_are_looked_at(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    now = moment()
    child = start()
    read: list[str] = []
    given = real

    class Noting:
        def __getattr__(self, name: str) -> Any:
            return getattr(given, name)

        def listdir(self, path: str) -> list[str]:
            read.append(path)
            return given.listdir(path)

        def open(self, path: str, flags: int) -> int:
            read.append(path)
            return given.open(path, flags)

    monkeypatch.setattr(processes, "real", Noting())
    interrupt_offspring(now)
    looked_at = {int(part) for path in read for part in path.split("/")[2:3] if part.isdecimal()}
    ours = {
        os.getpid(),
        *(each.pid for each in psutil.Process().children(recursive=True)),
    }  # other tests' have some, too
    assert {os.getpid(), child.pid} <= looked_at <= ours
    assert "/proc" not in read
    assert was_interrupted(child)


@children
def test_where_the_system_does_not_say_whose_they_are_all_are_looked_at(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = moment()
    child = start()
    monkeypatch.setattr(processes, "_read_children", lambda pid, thread: None)
    interrupt_offspring(now)
    assert was_interrupted(child)


@children
def test_descendants_are_those_of_every_thread_and_theirs() -> None:
    shells: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        shells.append(subprocess.Popen(["sh", "-c", "sleep 100 & echo up; wait"], stdout=subprocess.PIPE))

    thread = threading.Thread(target=begin)
    begin()
    thread.start()
    thread.join()  # its child has another thread's by now
    try:
        for shell in shells:
            assert shell.stdout is not None
            assert shell.stdout.readline() == b"up\n"
        expected = {os.getpid(), *(one.pid for one in psutil.Process().children(recursive=True))}
        found = processes.list_descendants()
        assert {one.pid for one in found} == expected
        assert [one for one in processes.list_processes() if one.pid in expected] == sorted(found)
        with_others = processes.list_descendants([os.getppid(), shells[0].pid])
        assert {one.pid for one in with_others} == expected | {os.getppid()}
        assert len(with_others) == len(found) + 1
    finally:
        for one in psutil.Process().children(recursive=True):
            one.kill()
        for shell in shells:
            shell.communicate(timeout=DEADLINE)
