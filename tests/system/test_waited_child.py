"""The child that a thread waits for is interrupted with it, and no other."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import pytest

from async_kernel.system.waited_child import interrupt_waited_child

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")

DEADLINE = 20.0

SLEEP = [sys.executable, "-c", "import time; print('in', flush=True); time.sleep(60)"]


def sleeping(**options: object) -> subprocess.Popen[bytes]:
    """A child that sleeps, and prints so."""
    child = subprocess.Popen(SLEEP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    assert child.stdout.readline() == b"in\n"
    return child  # type: ignore[no-any-return]


def frame_of_waiter(function: Callable[[], object]) -> FrameType:
    """Where a thread stands that calls `function`, which waits for a child."""
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        frame = innermost = sys._current_frames().get(thread.ident or 0)
        while frame is not None:
            if frame.f_code in (subprocess.Popen.wait.__code__, subprocess.Popen.communicate.__code__):
                assert innermost is not None
                return innermost
            frame = frame.f_back
        time.sleep(0.001)
    raise AssertionError("no thread waits")


@pytest.mark.parametrize("way", ["wait", "communicate"])
def test_the_child_that_is_waited_for_is_interrupted(way: str) -> None:
    with sleeping() as child:
        interrupt_waited_child(frame_of_waiter(getattr(child, way)))
        assert child.wait(DEADLINE) == -signal.SIGINT


def test_run_waits_as_well() -> None:
    ended: list[int] = []

    def run() -> None:
        ended.append(subprocess.run(SLEEP, capture_output=True).returncode)

    frame: FrameType | None = frame_of_waiter(run)
    end = time.monotonic() + DEADLINE
    while not ended:
        interrupt_waited_child(frame)  # the first may come before the child is Python
        assert time.monotonic() < end
        time.sleep(0.05)
    assert ended != [0]


def test_a_child_in_a_group_of_its_own_is_left_alone() -> None:
    with sleeping(start_new_session=True) as child:
        try:
            interrupt_waited_child(frame_of_waiter(child.wait))
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.3)
        finally:
            child.kill()


def test_a_child_that_nobody_waits_for_is_left_alone() -> None:
    with sleeping() as child:
        try:
            interrupt_waited_child(sys._getframe())
            interrupt_waited_child(None)
            with pytest.raises(subprocess.TimeoutExpired):
                child.wait(0.3)
        finally:
            child.kill()
