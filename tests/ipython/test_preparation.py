"""What tracebacks need is there before the first one, and a fork does not come in between."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from async_kernel.ipython import preparation

DEADLINE = 60.0

FIRST_ERROR = """
import sys, threading
from IPython.core.interactiveshell import InteractiveShell
from async_kernel.ipython.preparation import prepare

if {prepared}:
    thread = threading.Thread(target=prepare)
    thread.start()
    thread.join()
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_cell("1/0")
print("imported:", *sorted(name for name in set(sys.modules) - before))
"""


def imported_by_the_first_error(prepared: bool) -> set[str]:
    """The libraries, by name, that the first traceback of a process imports."""
    code = FIRST_ERROR.format(prepared=prepared)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=DEADLINE, check=True)
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("imported:")]
    return {name.partition(".")[0] for name in line.split()[1:]}


def test_the_first_traceback_imports_no_library_any_more() -> None:
    needed = {"stack_data", "executing", "asttokens", "pure_eval"}
    assert needed <= imported_by_the_first_error(prepared=False), "the test would show nothing"
    assert not needed & imported_by_the_first_error(prepared=True)


def test_it_begins_a_moment_after_the_start_and_not_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "PAUSE_SECONDS", 3600.0)
    waiting = preparation.Preparation()
    assert isinstance(waiting._timer, threading.Thread)
    assert waiting._timer.is_alive()
    waiting.close()
    waiting._timer.join(DEADLINE)
    assert not waiting._timer.is_alive()
    monkeypatch.setattr(preparation, "PAUSE_SECONDS", 0.0)
    begun = threading.Event()
    monkeypatch.setattr(preparation, "prepare", begun.set)
    preparation.Preparation()
    assert begun.wait(DEADLINE)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_fork_waits_for_the_end_of_the_imports() -> None:
    holding, done = threading.Event(), threading.Event()

    def hold() -> None:
        with preparation.importing:
            holding.set()
            done.wait(0.2)  # nobody sets it: for so long the imports take
            done.set()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert holding.wait(DEADLINE)
    child = os.fork()
    if child == 0:
        os._exit(0 if done.is_set() and preparation.importing.acquire(timeout=DEADLINE) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert done.is_set()
    thread.join(DEADLINE)
