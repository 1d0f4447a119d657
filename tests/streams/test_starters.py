"""Who starts a thread or a process, by the frames and functions that are found."""

from __future__ import annotations

import sys
import threading
from functools import partial
from types import FrameType
from typing import Any

import pytest

from async_kernel.stacks import Stack
from async_kernel.streams.starters import is_of_library, is_thread_of_library

YOURS = compile("frame = get()\ndef work(): pass", "/notebook/cell.py", "exec")
LIBRARY = compile("frame = get()\ndef work(): pass", threading.__file__, "exec")
"""A module of the standard library, which is no means of starting something for others when it has another name."""


def run(code: Any, name: str, get: Any = sys._getframe) -> dict[str, Any]:
    names = {"__name__": name, "get": get}
    exec(code, names)
    return names


def stack(*names: str) -> FrameType:
    """The innermost of frames of these modules, outermost first; "yours" is the user's code."""
    get = sys._getframe
    for name in reversed(names[1:]):
        get = partial(lambda name, get: run(LIBRARY, name, get)["frame"], name, get)
    first = YOURS if names[0] == "yours" else LIBRARY
    frame: FrameType = run(first, names[0], get)["frame"]
    return frame


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["yours"], False),
        (["yours", "multiprocessing.process", "multiprocessing.popen_fork"], False),
        (["yours", "multiprocessing.pool", "multiprocessing.process"], True),
        (["yours", "asyncio.subprocess", "subprocess"], False),
        (["yours", "joblib.parallel", "multiprocessing.process"], True),
    ],
)
def test_the_nearest_code_that_is_no_means_decides(names: list[str], *, expected: bool) -> None:
    assert is_of_library(asked(*names)) == expected


def asked(*names: str) -> Stack:
    return Stack(_without_lambdas(stack(*names)))


class _Frame:
    def __init__(self, frame: FrameType, back: Any) -> None:
        self.f_globals, self.f_code, self.f_back = frame.f_globals, frame.f_code, back


def _without_lambdas(frame: FrameType | None) -> Any:
    """The frames of `run`'s modules alone: this test's own are the user's."""
    if frame is None:
        return None
    back = _without_lambdas(frame.f_back)
    return _Frame(frame, back) if "get" in frame.f_globals else back


def test_a_thread_is_a_librarys_when_its_function_is_too() -> None:
    yours, its = run(YOURS, "yours")["work"], run(LIBRARY, "a.library")["work"]
    starter = asked("yours", "a.library")
    assert is_thread_of_library(threading.Thread(target=its), starter)
    assert is_thread_of_library(threading.Thread(target=partial(its)), starter)
    assert not is_thread_of_library(threading.Thread(target=yours), starter)
    assert not is_thread_of_library(threading.Timer(1, yours), starter)
    assert not is_thread_of_library(threading.Thread(target=its), asked("yours"))
    assert not is_thread_of_library(threading.Thread(target=its), asked("yours", "trio._core.cache"))
