"""Whose code runs on a thread: marks on functions, and the questions that are asked of a stack."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any
from weakref import ref

import pytest

from async_kernel.stacks import (
    Owner,
    Stack,
    callers,
    calls_checkpoint,
    held_by,
    mark,
    owner_of,
    owners,
    runs_callbacks,
    runs_loops,
    runs_main_loop,
    runs_user_calls,
    runs_user_code,
    snapshot,
    stack_of,
)
from tests.frames import function_in, nested

MARKS: dict[str, Callable[[Any], Any]] = {
    "entry": runs_user_code,
    "loop": runs_loops,
    "callbacks": runs_callbacks,
    "calls": runs_user_calls,
    "main loop": runs_main_loop,
    "output": calls_checkpoint,
}
"""Names for functions of the package with a mark, in the stacks of these tests."""


def asked_in(names: tuple[str, ...], question: Callable[[Stack], Any]) -> Any:
    """The answer of a stack where functions have called each other, outermost first: of modules, or of MARKS."""

    def ask() -> Any:
        return question(callers())

    for name in reversed(names):
        call = MARKS[name](function_in("async_kernel.somewhere")) if name in MARKS else function_in(name)
        ask = nested(call, ask)
    return ask()


OURS = "async_kernel.kernel.lanes"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        # Below an entry stands user code, whatever it has called.
        (["entry", "__main__"], True),
        (["entry", "__main__", "asyncio.runners"], True),
        (["entry", "IPython.core"], True),
        # Code of ours that user code has called has to stay whole.
        (["entry", "__main__", "async_kernel.streams"], False),
        (["entry", "__main__", "async_kernel.kernel", "json"], False),
        # Ours, outside any entry, wherever its file lies.
        ([OURS], False),
        ([OURS, "threading"], False),
        (["async_kernel.loops.run", "asyncio.base_events", "__main__"], False),
        # The user's own tasks and callbacks, beside us in the loop.
        (["loop", "asyncio.base_events", "__main__"], True),
        (["loop", "trio._core", "users_library"], True),
        # The loop itself, and what it stands in.
        (["loop"], False),
        (["loop", "asyncio.base_events"], False),
        (["loop", "asyncio.base_events", "selectors"], False),
        (["loop", "trio._core._run"], False),
        (["loop", "tkinter"], False),
        # A debugger that has stopped user code, or is just looking at it.
        (["entry", "__main__", "pydevd", "threading"], False),
        (["entry", "__main__", "_pydevd_bundle.pydevd_frame"], False),
        # A package whose name begins as ours does is not ours.
        (["entry", "async_kernel_tools"], True),
        # Where a call waits for what user code has asked for, the wait may be ended.
        ([OURS, "calls", "threading"], True),
    ],
)
def test_where_it_may_be_raised(names: list[str], expected: bool) -> None:
    assert asked_in((OURS, *names), lambda stack: stack.can_raise) is expected


def test_nowhere_without_a_frame() -> None:
    stack = Stack(None)
    assert (stack.can_raise, stack.is_held, stack.has_entry, stack.has_user_code) == (False, False, False, False)
    assert (stack.callback, stack.loop_callback, stack.called, stack.holder, stack.innermost) == (None,) * 5
    assert stack.way_out() == ([], None)


LOOP_STACKS = {
    "what the guest calls": (["loop", "threading"], None),
    "what the loop calls": (["loop", "asyncio.base_events", "concurrent.futures", "threading"], None),
    "what trio calls": (["loop", "trio._core._run", "outcome"], None),
    "a task of the user's": (["loop", "asyncio.events", "__main__", "threading"], "__main__"),
    "a slot": (["loop", "my_module"], "my_module"),
    "a callback that prints": (["loop", "__main__", "async_kernel.streams.output"], "__main__"),
    "the kernel's own work": (["loop", "asyncio.events", OURS, "IPython.core", "json"], None),
    "a dialog's callback in a cell": (["loop", "asyncio.events", OURS, "entry", "__main__", "loop", "slot"], "slot"),
    "a callback of the standard library": (["loop", "callbacks", "threading"], "threading"),
}


@pytest.mark.parametrize(("names", "found"), LOOP_STACKS.values(), ids=LOOP_STACKS)
def test_what_the_main_loop_has_called(names: list[str], found: str | None) -> None:
    if "slot" in names:
        found = None  # the kernel's work goes on around it: that is what is current

    def module(stack: Stack) -> object:
        frame = stack.loop_callback
        return frame and frame.f_globals["__name__"]

    assert asked_in((OURS, "main loop", *names), module) == found
    assert asked_in((OURS, *names), module) is None, "without a main loop there is none"


@pytest.mark.parametrize(
    ("names", "held"),
    [
        (["loop", "asyncio.events", "selectors"], False),
        (["loop", "trio._core._run"], False),
        (["loop"], False),
        ([OURS], False),
        (["loop", "asyncio.events", "__main__"], True),
        (["loop", "asyncio.events", "json"], True),
    ],
)
def test_a_loop_is_held_by_what_is_no_loop(names: list[str], held: bool) -> None:
    assert asked_in(tuple(names), lambda stack: stack.is_held) is held


def test_work_holds_a_thread_while_its_own_code_runs_and_no_longer() -> None:
    seen: dict[str, object] = {}

    def look(name: str) -> None:
        seen[name] = stack_of(threading.get_ident()).holder

    async def work() -> str:
        look("runs")
        await asyncio.sleep(0)
        look("runs again")
        return "done"

    async def main() -> None:
        running = asyncio.create_task(held_by("the work", work))
        look("before")
        await asyncio.sleep(0)
        look("suspended")
        assert await running == "done"
        look("behind")

    asyncio.run(main())
    assert seen == {
        "before": None,
        "runs": "the work",
        "suspended": None,
        "runs again": "the work",
        "behind": None,
    }


def test_the_innermost_work_holds_a_thread() -> None:
    async def inner() -> object:
        return callers().holder

    async def outer() -> object:
        return await held_by("inner", inner), callers().holder

    assert asyncio.run(held_by("outer", outer)) == ("inner", "outer")


def test_work_that_fails_or_is_dropped_is_forgotten() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(held_by("work", fails))
    dropped = held_by("work", asyncio.sleep, 0)
    dropped.send(None)
    dropped.close()
    assert snapshot._holders == {}


def test_work_that_has_ended_is_let_go_of_at_once() -> None:
    """Each cell and each comm message is such work, with all that its request has brought: buffers of many megabytes
    lay about until the garbage collector came."""

    class Work:
        pass

    def fails() -> None:
        raise ValueError

    gc.disable()
    try:
        for function in (lambda: None, partial(asyncio.sleep, 0), fails):
            work = Work()
            kept = ref(work)
            step = held_by(work, function).send
            with suppress(StopIteration, ValueError):
                while True:
                    step(None)
            del work, step
            assert kept() is None
    finally:
        gc.enable()


def test_a_checkpoint_is_behind_the_function_that_calls_it() -> None:
    def module(stack: Stack) -> object:
        behind = stack.behind_checkpoint().innermost
        return behind and behind.f_globals["__name__"]

    assert asked_in(("entry", "__main__", "output"), module) == "__main__"
    assert asked_in(("entry", "__main__", "output", OURS, OURS), module) == "__main__", "however many frames"
    assert asked_in(("entry", "__main__", OURS, "output"), module) == OURS
    assert asked_in(("entry", "__main__", OURS), module) is None


def test_a_mark_is_for_one_function_and_goes_with_it() -> None:
    one, other = function_in("__main__"), function_in("__main__")
    runs_user_code(one)
    key = id(one.__code__)
    assert one(sys._getframe) is not None
    assert one(lambda: owner_of(sys._getframe(1))) is Owner.ENTRY
    assert other(lambda: owner_of(sys._getframe(1))) is Owner.USER
    del one
    gc.collect()
    assert key not in owners._marks


def test_a_mark_of_a_class_is_for_all_that_is_defined_in_it() -> None:
    @runs_loops
    class Loop:
        def method(self) -> Owner:
            return owner_of(sys._getframe())

        @staticmethod
        def static() -> Owner:
            return (lambda: owner_of(sys._getframe()))()

        @classmethod
        def of_class(cls) -> list[Owner]:
            return [owner_of(sys._getframe()) for _ in range(1)]

        @property
        def value(self) -> Owner:
            def inner() -> Owner:
                return owner_of(sys._getframe())

            return inner()

    loop = Loop()
    assert {loop.method(), loop.static(), *loop.of_class(), loop.value} == {Owner.LOOP}


def test_the_last_mark_counts() -> None:
    @mark_loop_then_callbacks
    def function() -> Owner:
        return owner_of(sys._getframe())

    assert function() is Owner.CALLBACKS


def mark_loop_then_callbacks(function: Callable[[], Owner]) -> Callable[[], Owner]:
    return runs_callbacks(mark(function, Owner.LOOP))


def test_the_way_out_ends_at_what_has_called_user_code() -> None:
    frames: list[FrameType] = []

    def way(stack: Stack) -> list[str]:
        passes, end = stack.way_out()
        frames.extend(passes)
        return [str(each.f_globals["__name__"]) for each in (*passes, *([end] if end else []))]

    assert asked_in(("entry", "__main__", "json"), way) == ["json", "__main__", "async_kernel.somewhere"]
    assert asked_in(("entry", "__main__", OURS), way) == [OURS]


def test_calls_of_functions_are_found_with_their_variables() -> None:
    def look(value: int) -> list[dict[str, Any]]:
        return (lambda: callers().calls_of([look]))()

    (found,) = look(6)
    assert found["value"] == 6
    assert callers().calls_of([look, len]) == []


def test_a_frame_stands_at_an_instruction() -> None:
    from async_kernel.stacks.tracing import CLEAN_UP, IMPORT_FROM, stands_at

    seen: list[bool] = []

    class Module:
        def __getattr__(self, name: str) -> int:
            frame = callers().innermost
            assert frame is not None
            seen.append(stands_at(frame, IMPORT_FROM))
            return 6

    namespace: dict[str, Any] = {"__import__": None}
    module = Module()
    sys.modules["a_module_of_tests"] = module  # type: ignore[assignment]  # a stand-in
    try:
        exec("from a_module_of_tests import name", namespace)
    finally:
        del sys.modules["a_module_of_tests"]
    assert seen[-1]
    assert module.other == 6
    assert not seen[-1]
    assert not stands_at(sys._getframe(), CLEAN_UP)


COMPETING = """
import faulthandler, gc, sys, threading, time
from async_kernel.stacks.snapshot import called_by_trio, stacks_of_all, variables

faulthandler.enable()
asked = {"the callers": id, "the variables": variables, "the task of trio": called_by_trio}[sys.argv[1]]

def deep(depth):
    if depth:
        deep(depth - 1)

def go_on():
    while True:
        deep(300)

def come_and_go():
    while True:
        thread = threading.Thread(target=deep, args=(200,))
        thread.start()
        thread.join()

for run in (go_on, come_and_go):
    threading.Thread(target=run, daemon=True).start()
reader = threading.get_ident()

def let_others_run(phase, info):
    if threading.get_ident() == reader:
        time.sleep(0)

gc.callbacks.append(let_others_run)
gc.set_threshold(50)
sys.setswitchinterval(1e-5)
read, end = 0, time.monotonic() + 2
while time.monotonic() < end or not read:
    for stack in stacks_of_all().values():
        for frame in stack.frames:
            asked(frame)
    read += 1
assert gc.isenabled()
print("read")
"""


@pytest.mark.parametrize("asked", ["the callers", "the variables", "the task of trio"])
def test_frames_of_threads_that_go_on_are_read_without_a_collection_in_between(asked: str) -> None:
    """CPython 3.11 looks at memory that has been given back when a collection lets the thread go on meanwhile."""
    done = subprocess.run([sys.executable, "-c", COMPETING, asked], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_a_read_that_fails_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(AttributeError):
        snapshot.frame_of(object(), "cr_frame")
    assert gc.isenabled()
    gc.disable()
    try:
        assert callers().frames
        assert not gc.isenabled()
    finally:
        gc.enable()
