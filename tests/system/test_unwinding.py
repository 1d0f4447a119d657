"""A KeyboardInterrupt that C code drops, and one that user code takes in."""

from __future__ import annotations

import ctypes
import gc
import sqlite3
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from async_kernel.system.unwinding import follow

after: list[str] = []
"""What user code has done behind the interrupt."""


@pytest.fixture(autouse=True)
def no_tracer(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take off a tracer, such as that of coverage, for the time of the test, and see that none is left behind."""
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: None)
    tracer = sys.gettrace()
    sys.settrace(None)
    after.clear()
    try:
        yield
        assert sys.gettrace() is None
    finally:
        sys.settrace(tracer)


def enter(code: Callable[[], object], again: bool = False) -> BaseException | None:
    """Call user code as the kernel does; what it raises."""
    global interrupt

    def interrupt() -> None:
        follow(sys._getframe(1), [call.__code__], again)
        raise KeyboardInterrupt

    try:
        call(code)
    except BaseException as error:
        return error
    return None


def call(code: Callable[[], object]) -> None:
    code()


# User code is what is in a module that is none of the package's: a name of its own for what follows.
USER = """
class Drops:
    def __del__(self):
        interrupt()

def at_the_end():
    one = Drops()
    del one
    after.append("behind")

def on_the_same_line():
    one = Drops(); del one; after.append("behind")

def when_returning():
    return forget(Drops())

def forget(one):
    pass

def by_weakref():
    one = Plain()
    reference = weakref.ref(one, lambda _: interrupt())
    del one
    after.append("behind")

class Plain:
    pass

def by_ctypes():
    function = ctypes.CFUNCTYPE(ctypes.c_int)(lambda: interrupt())
    after.append(function())

def by_another_exception():
    with sqlite3.connect(":memory:") as connection:
        connection.create_function("f", 0, lambda: interrupt())
        try:
            connection.execute("select f()").fetchall()
        except sqlite3.OperationalError:
            after.append("taken for another")

def in_a_collection():
    one = Drops()
    one.itself = one
    del one
    gc.collect()
    after.append("behind")
"""


def user_code(source: str) -> dict[str, Any]:
    """The names that `source` defines, as code of a module of its own."""
    names: dict[str, Any] = {
        "__name__": "user",
        "after": after,
        "interrupt": lambda: interrupt(),
        "ctypes": ctypes,
        "gc": gc,
        "sqlite3": sqlite3,
        "suppress": suppress,
        "weakref": weakref,
    }
    exec(source, names)
    return names


@pytest.mark.parametrize(
    "name",
    [
        "at_the_end",
        "on_the_same_line",
        "when_returning",
        "by_weakref",
        "by_ctypes",
        "by_another_exception",
        "in_a_collection",
    ],
)
def test_what_c_code_drops_is_raised_where_python_code_goes_on(name: str) -> None:
    assert isinstance(enter(user_code(USER)[name]), KeyboardInterrupt)
    assert not after


TAKES_IN = """
def catches():
    try:
        interrupt()
    except KeyboardInterrupt:
        after.append("caught")
    after.append("behind")

def suppresses():
    with suppress(KeyboardInterrupt):
        interrupt()
    after.append("behind")

def catches_further_out():
    try:
        inner()
    except BaseException:
        after.append("caught")
    after.append("behind")

def inner():
    interrupt()
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("catches", ["caught", "behind"]),
        ("suppresses", ["behind"]),
        ("catches_further_out", ["caught", "behind"]),
    ],
)
def test_what_user_code_catches_is_caught(name: str, expected: list[str]) -> None:
    assert enter(user_code(TAKES_IN)[name]) is None
    assert after == expected


@pytest.mark.parametrize("name", ["catches", "suppresses", "catches_further_out"])
def test_a_second_one_is_not(name: str) -> None:
    assert isinstance(enter(user_code(TAKES_IN)[name], again=True), KeyboardInterrupt)
    assert "behind" not in after


def test_nothing_is_followed_beside_a_debugger() -> None:
    def debugger(frame: FrameType, event: str, arg: object) -> None:
        pass

    sys.settrace(debugger)
    try:
        assert isinstance(enter(user_code(TAKES_IN)["inner"]), KeyboardInterrupt)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(None)


def test_no_frame_keeps_what_followed() -> None:
    frames: list[FrameType] = []
    names = user_code(TAKES_IN)

    def look() -> None:
        frames.append(sys._getframe(1))
        interrupt_now()

    interrupt_now = names["interrupt"]
    names["interrupt"] = look
    enter(names["catches"])
    assert [frame.f_trace for frame in frames] == [None]
