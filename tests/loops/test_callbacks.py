"""Whose code the host's thread is in: a callback's, the kernel's, or what the guest itself is made of."""

import sys
import threading
from functools import partial

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


def at_the_end_of(stack, function):
    """`function`, to be called by a function of each module of `stack`, from the first one on."""
    for name in reversed(stack):
        scope = {"__name__": name, "called": function}
        exec("def call(): return called()", scope)
        function = runs_loops(scope["call"]) if name == GUEST else scope["call"]
    return function


class Host(QueueHost):
    """One whose `run` calls what it is told."""

    call = staticmethod(int)

    def run(self):
        return self.call()


@pytest.fixture
def callbacks():
    host = Host({})
    host.callbacks = ToolkitCallbacks(host, partial(Callback, defer=int))
    return host.callbacks


def look(callbacks, call):
    """What `call`, called by the host's main loop, gives: `call` is given whatever looks at its stack."""
    callbacks._host.call = call
    return callbacks._host.run()


@pytest.mark.parametrize(("stack", "found"), STACKS.values(), ids=STACKS)
def test_what_runs_now(callbacks, stack, found):
    current = look(callbacks, at_the_end_of(stack, callbacks.current))
    assert (current and current._frame.f_globals["__name__"]) == found


def test_what_the_guest_is_made_of_is_known(callbacks):
    for stack, found in STACKS.values():
        if stack[-1].startswith("async_kernel"):  # nothing is raised in those
            continue
        machinery = found is None and "async_kernel.kernel.lanes" not in stack
        assert look(callbacks, at_the_end_of(stack, lambda: callbacks.is_guest(callers()))) == machinery, stack


def test_an_event_handler_of_the_toolkit_is_found_wherever_it_has_been_called(callbacks):
    def handler():
        return ask()

    def ask():
        return callbacks.handler(callers())

    callbacks._host.is_handler = lambda frame: frame.f_code is handler.__code__
    for stack in (["__main__"], [GUEST, "__main__"], [GUEST, "asyncio.events"]):
        assert look(callbacks, at_the_end_of(stack, handler)).f_code is handler.__code__
    assert look(callbacks, at_the_end_of(["__main__"], ask)) is None


def test_a_callback_is_reached_by_what_is_raised_in_itself_alone(callbacks):
    def inner():
        return callbacks.current().reach(sys._getframe())

    own = look(callbacks, at_the_end_of([GUEST], lambda: callbacks.current().reach(sys._getframe())))
    assert own is Reach.WORK
    assert look(callbacks, at_the_end_of(STACKS["a slot"][0], inner)) is Reach.CALLBACK


def test_a_function_of_the_standard_library_may_be_a_callback(callbacks):
    event = threading.Event()

    class Seen(threading.Condition):
        def __enter__(self):
            seen.append(callbacks.current())
            return super().__enter__()

    seen = []
    event._cond = Seen()
    look(callbacks, carry(event.set))
    assert seen[0]._frame.f_code is threading.Event.set.__code__


def test_those_who_call_callbacks_are_marked():
    class Signals:
        connect = disconnect = None

    tk = pytest.importorskip("async_kernel.loops.hosts.tk", reason="no tkinter in this Python")
    from async_kernel.loops.hosts import qt

    for function in (carry(int), tk._ContextCallWrapper._call, qt._Slots(Signals, object, None)._telling(int)):
        assert owner_of_code(function.__code__) is Owner.CALLBACKS
