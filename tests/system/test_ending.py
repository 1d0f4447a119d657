"""The end of a process: what it presses on its way, and that threads which hang do not hold it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading

import pytest

from async_kernel.system.ending import Ending
from async_kernel.system.real import real
from async_kernel.system.watch import Watch

DEADLINE = 20.0


def test_a_process_with_threads_that_hang_is_left_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    monkeypatch.setattr(real, "exit", statuses.append)
    ending = Ending(logging.getLogger("nowhere"), Watch())
    ending.leave(3)
    assert statuses == []
    ending._exit_functions.left_threads = True
    ending.leave(3)
    assert statuses == [3]


def test_what_hangs_is_pressed_in_this_order(monkeypatch: pytest.MonkeyPatch) -> None:
    deeds: list[str] = []
    ended = threading.Event()

    def end_children(grace: float, stops: object = None) -> None:
        deeds.append("children")

    def end(status: int) -> None:
        deeds.append(f"exit {status}")
        ended.set()
        while True:  # nothing comes after an exit
            real.sleep(DEADLINE)

    monkeypatch.setattr("async_kernel.system.ending.end_children", end_children)
    monkeypatch.setattr(real, "run_exit_functions", lambda: deeds.append("exit functions"))
    monkeypatch.setattr(real, "exit", end)
    watch = Watch()
    watch.start()
    ending = Ending(logging.getLogger("nowhere"), watch)
    ending.stand_by(
        again=lambda: deeds.append("again"),
        before_exit=lambda: deeds.append("before"),
        at_last=lambda: deeds.append("at last"),
    )
    ending.come_within(DEADLINE)
    ending.come_within(0.6)  # the earlier one counts
    assert ended.wait(DEADLINE)
    assert deeds == ["children", "again", "before", "exit functions", "at last", "children", "exit 1"]


SCRIPT = """
import atexit, logging, sys, threading, time
from async_kernel.system.ending import Ending
from async_kernel.system.watch import Watch
logging.basicConfig(stream=sys.stdout, format='%(message)s')
watch = Watch()
watch.start()
ending = Ending(logging.getLogger(), watch)
ending.stand_by()
def note(word): print(word, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a signal ends waits for locks and threads")
def test_threads_and_exit_functions_that_hang_are_left() -> None:
    code = (
        "atexit.register(note, 'the last')\n"
        "held = threading.Lock(); held.acquire(); atexit.register(held.acquire)\natexit.register(note, 'the first')\n"
        "threading._register_atexit(note, 'of threads')\n"
        "threading.Thread(target=time.sleep, args=[300], name='mine').start()\n"
        "ending.come_within(60)\nwatch.at(ending._deadline - 59.5, ending._hurry)\n"
        "ending.run_exit_functions(0.1)\nending.leave(3)"
    )
    done = subprocess.run([sys.executable, "-c", SCRIPT + code], capture_output=True, text=True, timeout=DEADLINE)
    lines = ["of threads", "threads that do not end are left to themselves: mine", "the first", "the last"]
    assert done.stdout.splitlines() == lines
    assert "KeyboardInterrupt" in done.stderr
    assert done.returncode == 3


def test_where_nothing_hangs_python_ends_the_process() -> None:
    """It finds the exit functions done."""
    code = "atexit.register(note, 'once')\nending.run_exit_functions(1)\nending.leave(3)\nsys.exit(4)"
    done = subprocess.run([sys.executable, "-c", SCRIPT + code], capture_output=True, text=True, timeout=DEADLINE)
    assert (done.stdout, done.stderr, done.returncode) == ("once\n", "", 4)


CHILDREN = (
    SCRIPT
    + """
import os, signal, subprocess
import async_kernel.system.ending as module
module.end_children = lambda grace: note("listed")
ending.watch_children()
"""
)

A_CHILD = "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE)\n"
END = "ending.end_children(1)\nnote('ended')\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell of former children")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (END, "ended"),
        (A_CHILD + END + "child.communicate(b'\\n')", "listed ended"),
        (A_CHILD + "child.communicate(b'\\n')\n" + END, "listed ended"),  # it may have left some of its own
        ("pid = os.fork() or os._exit(0)\nos.waitpid(pid, 0)\n" + END, "listed ended"),
        ("signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n" + END, "listed ended"),
    ],
    ids=["none", "one that runs", "one that has ended", "a fork that has ended", "none is told of"],
)
def test_processes_are_listed_if_there_may_be_any_to_end(code: str, words: str) -> None:
    done = subprocess.run([sys.executable, "-c", CHILDREN + code], capture_output=True, text=True, timeout=DEADLINE)
    assert (done.stdout.split(), done.stderr) == (words.split(), "")
