"""Whose code the host's thread is in: a callback's, the kernel's, or what the guest itself is made of."""

import sys
import threading
from collections.abc import Callable
from functools import partial
from types import CodeType, FrameType
from typing import Any

import pytest

from async_kernel.concurrency.portal import Reach
from async_kernel.interrupts.callbacks import Callback, ToolkitCallbacks
from async_kernel.loops.contexts import carry
from async_kernel.stacks import Owner, callers, owner_of_code, runs_loops
from tests.loops.queue_host import QueueHost

GUEST = "a loop of ours"

STACKS = {
    "what the guest calls": ([GUEST, "threading"], None),
    "what the loop calls": ([GUEST, "asyncio.base_events", "concurrent.futures", "threading"], None),
    "what trio calls": ([GUEST, "trio._core._run", "outcome"], None),
    "a task of the user's": ([GUEST, "asyncio.events", "__main__", "threading"], "__main__"),
    "a slot": ([GUEST, "my_module"], "my_module"),
    "a callback that prints": ([GUEST, "__main__", "async_kernel.streams.output"], "__main__"),
    "the kernel's own work": ([GUEST, "asyncio.events", "async_kernel.kernel.lanes", "IPython.core", "json"], None),
}


def at_the_end_of(stack: list[str], function: Callable[[], Any]) -> Callable[[], Any]:
    """`function`, to be called by a function of each module of `stack`, from the first one on."""
    for name in reversed(stack):
        scope: dict[str, Any] = {"__name__": name, "called": function}
        exec("def call(): return called()", scope)
        function = runs_loops(scope["call"]) if name == GUEST else scope["call"]
    return function


class Host(QueueHost):
    """One whose `run` calls what it is told, and keeps what that gave."""

    call: Callable[[], object] = staticmethod(int)
    handler: CodeType | None = None
    seen: object = None

    def run(self) -> None:
        self.seen = self.call()

    def is_handler(self, frame: FrameType) -> bool:
        return frame.f_code is self.handler


@pytest.fixture
def callbacks() -> ToolkitCallbacks:
    return ToolkitCallbacks(Host({}), partial(Callback, defer=lambda checkpoint: None))


def look(callbacks: ToolkitCallbacks, call: Callable[[], Any]) -> Any:
    """What `call`, called by the host's main loop, gives: `call` is given whatever looks at its stack."""
    host = host_of(callbacks)
    host.call = call
    host.run()
    return host.seen


def host_of(callbacks: ToolkitCallbacks) -> Host:
    host = callbacks._host
    assert isinstance(host, Host)
    return host


def current(callbacks: ToolkitCallbacks) -> Callback:
    callback = callbacks.current()
    assert callback is not None
    return callback


@pytest.mark.parametrize(("stack", "found"), STACKS.values(), ids=STACKS)
def test_what_runs_now(callbacks: ToolkitCallbacks, stack: list[str], found: str | None) -> None:
    seen = look(callbacks, at_the_end_of(stack, callbacks.current))
    assert (seen and seen._frame.f_globals["__name__"]) == found


def test_what_the_guest_is_made_of_is_known(callbacks: ToolkitCallbacks) -> None:
    for stack, found in STACKS.values():
        if stack[-1].startswith("async_kernel"):  # nothing is raised in those
            continue
        machinery = found is None and "async_kernel.kernel.lanes" not in stack
        assert look(callbacks, at_the_end_of(stack, lambda: callbacks.is_guest(callers()))) == machinery, stack


def test_an_event_handler_of_the_toolkit_is_found_wherever_it_has_been_called(callbacks: ToolkitCallbacks) -> None:
    def handler() -> object:
        return ask()

    def ask() -> object:
        return callbacks.handler(callers())

    host_of(callbacks).handler = handler.__code__
    for stack in (["__main__"], [GUEST, "__main__"], [GUEST, "asyncio.events"]):
        assert look(callbacks, at_the_end_of(stack, handler)).f_code is handler.__code__
    assert look(callbacks, at_the_end_of(["__main__"], ask)) is None


def test_a_callback_is_reached_by_what_is_raised_in_itself_alone(callbacks: ToolkitCallbacks) -> None:
    def inner() -> object:
        return current(callbacks).reach(sys._getframe())

    own = look(callbacks, at_the_end_of([GUEST], lambda: current(callbacks).reach(sys._getframe())))
    assert own is Reach.WORK
    assert look(callbacks, at_the_end_of(STACKS["a slot"][0], inner)) is Reach.CALLBACK


def test_a_function_of_the_standard_library_may_be_a_callback(callbacks: ToolkitCallbacks) -> None:
    event = threading.Event()

    seen: list[Callback | None] = []

    class Seen(threading.Condition):
        def __enter__(self) -> bool:
            seen.append(callbacks.current())
            return super().__enter__()

    vars(event)["_cond"] = Seen()
    look(callbacks, carry(event.set))
    assert seen[0] is not None
    assert seen[0]._frame is not None
    assert seen[0]._frame.f_code is threading.Event.set.__code__


def test_those_who_call_callbacks_are_marked() -> None:
    class Signals:
        connect = disconnect = None

    tk = pytest.importorskip("async_kernel.loops.hosts.tk", reason="no tkinter in this Python")
    from async_kernel.loops.hosts import qt

    for function in (carry(int), tk._ContextCallWrapper._call, qt._Slots(Signals, object, None)._telling(int)):
        assert owner_of_code(function.__code__) is Owner.CALLBACKS
