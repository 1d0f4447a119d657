"""A KeyboardInterrupt that C code drops, and one that user code takes in."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sqlite3
import sys
import weakref
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from async_kernel.interrupts import aftermath
from async_kernel.interrupts.aftermath import reraise_if_caught, reraise_if_dropped
from async_kernel.stacks import callers, runs_user_code

DEADLINE = 20.0

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
        entered()
        assert sys.gettrace() is None
    finally:
        sys.settrace(tracer)


def entered() -> None:
    """A call, at which whoever traces for too long ends it."""


interrupt: Callable[[], None]
"""What raises KeyboardInterrupt where it is called; `enter` makes it."""


def enter(code: Callable[[], object], again: bool = False) -> BaseException | None:
    """Call user code as the kernel does; what it raises."""
    global interrupt

    def interrupt() -> None:
        reraise_if_dropped(callers(), again)
        raise KeyboardInterrupt

    try:
        call(code)
    except BaseException as error:
        return error
    return None


@runs_user_code
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


TAKES_IN_WAITS = """
async def sleeps():
    while True:
        try: await asyncio.sleep(60)
        except asyncio.CancelledError: after.append("taken in")

async def sleeps_further_in():
    while True:
        try: await inner()
        except BaseException: after.append("taken in")

async def inner():
    await asyncio.sleep(60)

async def goes_on_after_finally():
    while True:
        try: await asyncio.sleep(60)
        finally:
            after.append("taken in")
            continue

async def is_shielded():
    future = asyncio.get_running_loop().create_future()
    while True:
        try: await asyncio.shield(future)
        except asyncio.CancelledError: after.append("taken in")

async def awaits_a_task():
    await asyncio.create_task(sleeps())

async def suppresses():
    while True:
        with Suppresses(): await asyncio.sleep(60)

async def suppresses_and_awaits():
    while True:
        async with Suppresses(): await asyncio.sleep(60)

class Suppresses:
    def __enter__(self): pass
    def __exit__(self, *error):
        after.append("taken in")
        return True
    async def __aenter__(self): pass
    async def __aexit__(self, *error):
        after.append("taken in")
        return True
"""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Insisting ends by what it sees alone, however late the loop is."""
    monkeypatch.setattr(aftermath, "INSIST_SECONDS", DEADLINE)


def end_wait_twice(main: Callable[[], Coroutine[Any, Any, object]]) -> BaseException | None:
    """Cancel a task, and again, insisting; what it ends with. TimeoutError when it goes on."""
    loop = asyncio.new_event_loop()
    error: list[BaseException] = []

    @runs_user_code
    async def cell() -> None:
        try:
            await main()
        except BaseException as raised:
            error.append(raised)

    def once() -> None:
        task.cancel()
        loop.call_later(0.02, again)  # not before the first was delivered: asyncio would make one of both

    def again() -> None:
        reraise_if_caught(task.done)
        task.cancel()

    task = loop.create_task(cell())
    loop.call_later(0.02, once)
    try:
        while not task.done():
            with suppress(KeyboardInterrupt):  # that of another task comes out of the loop as well
                loop.run_until_complete(asyncio.wait_for(asyncio.shield(task), DEADLINE))
    finally:
        loop.close()
    return error[0] if error else None


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "name",
    [
        "sleeps",
        "sleeps_further_in",
        "goes_on_after_finally",
        "is_shielded",
        "awaits_a_task",
        "suppresses",
        "suppresses_and_awaits",
    ],
)
def test_a_wait_whose_end_is_taken_in_ends_when_it_is_insisted(name: str) -> None:
    names = user_code(TAKES_IN_WAITS)
    names["asyncio"] = asyncio
    assert isinstance(end_wait_twice(names[name]), KeyboardInterrupt)
    assert after[0] == "taken in"
    assert len(after) == (2 if name.startswith("suppresses") else 1)  # a `with` block is left, by its `__exit__`


@pytest.mark.usefixtures("patient")
def test_one_that_is_not_taken_in_comes_out_as_it_is() -> None:
    async def waits() -> None:
        try:
            await asyncio.sleep(60)  # takes the first one in by itself
        except asyncio.CancelledError:
            await asyncio.sleep(60)

    assert isinstance(end_wait_twice(waits), asyncio.CancelledError)


def test_nothing_is_insisted_beside_a_debugger() -> None:
    def debugger(frame: FrameType, event: str, arg: object) -> None:
        pass

    sys.settrace(debugger)
    try:
        reraise_if_caught(lambda: False)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(None)
