"""The threads of a kernel that waits for a cell. Each costs memory, a line of `ps -T`, and a switch when it wakes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .driver import KernelDriver, wait_until

StartKernel = Callable[..., KernelDriver]

ROOT = Path(__file__).resolve().parents[2]

CEILING = 8
"""As many as there are now, with those of libzmq; it may only fall."""

NAMES = "sorted(thread.name for thread in __import__('threading').enumerate())"

LIBZMQ = {"ZMQbg/IO/0", "ZMQbg/Reaper"}


def names(kernel: KernelDriver) -> list[str]:
    """The threads of Python, once those have ended that prepare something after the start or write the history."""

    def quiet() -> list[str] | None:
        found = list(kernel.value(NAMES))
        return None if any(name.startswith("later") or name == "history" for name in found) else found

    return wait_until(quiet, "the end of what follows a start")


def listed() -> list[str]:
    """The threads that the page on the architecture names."""
    page = (ROOT / "docs" / "explain" / "architecture.md").read_text(encoding="utf-8")
    rows = page.partition("| thread of an idle kernel |")[2].partition("\n\n")[0]
    return re.findall(r"^\| `([^`]+)` ", rows, re.MULTILINE)


def test_an_idle_kernel_has_few_threads_and_each_has_a_name(kernel: KernelDriver) -> None:
    kernel.execute("1").ok()
    found = names(kernel)
    expected = set(listed()) - LIBZMQ
    assert set(found) == (expected if sys.platform != "win32" else set(found)), found
    assert len(found) == len(set(found))


def test_the_first_cell_finds_no_thread_that_waits_for_a_moment(start_kernel: StartKernel) -> None:
    """What is done some time after the start has a thread when its time has come, and the watch waits for that."""
    kernel = start_kernel()
    timers = "[each.name for each in threading.enumerate() if isinstance(each, threading.Timer)]"
    assert kernel.value(timers.replace("threading.", "__import__('threading').")) == []


@pytest.mark.skipif(sys.platform != "linux", reason="the threads of C libraries are listed in /proc")
def test_with_those_of_c_libraries_there_are_eight(kernel: KernelDriver) -> None:
    kernel.execute("1").ok()
    names(kernel)
    tasks = kernel.value("[path.read_text() for path in __import__('pathlib').Path('/proc/self/task').glob('*/comm')]")
    assert len(tasks) <= CEILING, tasks
    assert {task.strip() for task in tasks} >= LIBZMQ
    assert len(listed()) == CEILING
