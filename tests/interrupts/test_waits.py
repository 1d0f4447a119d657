"""Which processes a thread waits for, seen by its frames. How each library's pools are found is shown with real ones in
`tests/e2e/test_child_processes.py`."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from async_kernel.interrupts import waits
from async_kernel.interrupts.waits import waited_processes

DEADLINE = 20.0


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child
        child.kill()


def wait_in_thread(function: Callable[[], object]) -> Callable[[], FrameType]:
    """Call a function in a thread, where it waits for something; gives where that thread stands."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()

    def stands() -> FrameType:
        return sys._current_frames()[thread.ident or 0]

    return stands


def found_within(stands: Callable[[], FrameType], wanted: set[int]) -> bool:
    end = time.monotonic() + DEADLINE
    while waited_processes([stands()]) != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


@pytest.mark.parametrize("way", ["wait", "communicate"])
def test_a_program(child: subprocess.Popen[bytes], way: str) -> None:
    assert found_within(wait_in_thread(getattr(child, way)), {child.pid})


def test_a_program_that_another_thread_waits_for(child: subprocess.Popen[bytes]) -> None:
    thread = threading.Thread(target=child.wait, daemon=True)
    thread.start()
    assert found_within(wait_in_thread(thread.join), {child.pid})


def test_what_has_ended_is_not_waited_for(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait(DEADLINE)
    assert waited_processes([child]) == set()


def test_the_variables_of_user_code_say_nothing(child: subprocess.Popen[bytes]) -> None:
    server = [child]
    begun = threading.Event()

    class Served:
        def __init__(self) -> None:
            self.server = child

        def run(self) -> None:
            here = server
            begun.set()
            begun.clear()
            begun.wait()
            assert here

    stands = wait_in_thread(Served().run)
    assert found_within(lambda: outermost_wait(stands()), set())
    begun.set()


def outermost_wait(frame: FrameType) -> FrameType:
    """`frame`, once it stands in `Event.wait`."""
    end = time.monotonic() + DEADLINE
    while frame.f_code.co_name != "wait":
        assert time.monotonic() < end
        time.sleep(0.001)
    return frame


def test_a_library_that_has_changed_is_no_error(
    child: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(waits.KINDS, "subprocess.Popen", lambda one, _: one.renamed)
    assert waited_processes([child]) == set()
    assert waited_processes([None, 1.5, object()]) == set()
