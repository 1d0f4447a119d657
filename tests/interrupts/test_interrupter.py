"""Where KeyboardInterrupt may be raised, and interrupts that are delivered once or not at all."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from async_kernel.concurrency.portal import Reach
from async_kernel.interrupts import target
from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.interrupts.offspring import Moment, moment
from async_kernel.interrupts.target import PATIENCE, Interrupt, Target
from async_kernel.stacks import callers, calls_checkpoint, held_by, runs_loops, runs_user_calls, runs_user_code
from tests.frames import function_in, nested

DEADLINE = 20.0


def ours(mark: Callable[[Any], Any] = lambda function: function) -> Any:
    """A function `call(function)` of the package, with a mark or none."""
    return mark(function_in("async_kernel.kernel"))


class Work(Target):
    """Work that notes all that is done with it."""

    finished = False
    interrupted = False
    since: Moment | None = None

    def __init__(self, thread: int | None = None) -> None:
        self.thread = threading.get_ident() if thread is None else thread
        self.reached = Reach.CALLBACK
        self.marked = 0
        self.ends = 0
        self.reports = 0
        self.checkpoints: list[Callable[[], None]] = []
        self.change = threading.Condition()

    def waits(self) -> list[FrameType]:
        return [sys._current_frames()[self.thread]]

    def end_wait(self, interrupt: Interrupt) -> None:
        with self.change:
            self.ends += 1
            self.change.notify_all()

    def reach(self, frame: FrameType) -> Reach:
        return self.reached

    def mark_interrupted(self) -> None:
        self.interrupted = True
        self.marked += 1

    def defer(self, checkpoint: Callable[[], None]) -> None:
        self.checkpoints.append(checkpoint)

    def report(self) -> None:
        with self.change:
            self.reports += 1
            self.change.notify_all()

    def leave(self) -> None:
        self.finished = True

    def wait_for_tries(self, count: int) -> None:
        with self.change:
            assert self.change.wait_for(lambda: self.ends >= count, DEADLINE)


def test_an_interrupt_is_claimed_once() -> None:
    work = Work()
    interrupt = Interrupt(work)
    assert not interrupt.settled
    assert interrupt.claim()
    assert not interrupt.claim()
    assert interrupt.settled
    assert interrupt.delivered
    assert not interrupt.again
    assert work.marked == 1


def test_one_that_is_delivered_after_another_knows_it() -> None:
    work = Work()
    one, another = Interrupt(work), Interrupt(work)
    assert one.claim()
    assert another.claim()
    assert (one.again, another.again) == (False, True)


def test_finished_work_cannot_be_interrupted() -> None:
    work = Work()
    interrupt = Interrupt(work)
    work.finished = True
    assert interrupt.settled
    assert not interrupt.claim()
    assert not interrupt.delivered
    assert work.marked == 0


def test_what_holds_the_thread_has_some_time_and_is_hit_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(target, "real", SimpleNamespace(monotonic=lambda: now))
    interrupt = Interrupt(Work())
    one, other = object(), object()
    assert not interrupt.is_held_up_by(one)
    now += PATIENCE * 0.9
    assert not interrupt.is_held_up_by(one)
    assert not interrupt.is_held_up_by(other), "another one has time of its own"
    now += PATIENCE * 0.9
    assert not interrupt.is_held_up_by(other)
    now += PATIENCE * 0.2
    assert interrupt.is_held_up_by(other)
    assert not interrupt.is_held_up_by(other)


# The interrupter, its `wake` being a real signal or nothing


def spin() -> None:
    """What user code may look like: a loop that nothing ends."""
    end = threading.Event()
    while not end.wait(0.001):
        pass


ENTRY_SOURCE = "def enter(function):\n    function()"
_entry: dict[str, Any] = {"__name__": "async_kernel.ipython.shell"}
exec(ENTRY_SOURCE, _entry)
enter: Callable[[Callable[[], None]], None] = runs_user_code(_entry["enter"])
"""A function of the package that calls user code."""


class Interrupting:
    """An interrupter in the main thread, and the work it is about."""

    def __init__(self) -> None:
        self.work: Work | None = Work()
        self.wakes = 0
        self.wake: Callable[[], None] = lambda: None
        self.running: list[Work] = []
        self.interrupter = Interrupter(self._wake, lambda: self.work, lambda: self.running)
        self.interrupter.mark = lambda: None

    def _wake(self) -> None:
        self.wakes += 1
        self.wake()

    def wait_for_interval(self, seconds: float) -> None:
        """Return once threads ask for the GIL after so many `seconds` again."""
        end = time.monotonic() + DEADLINE
        while sys.getswitchinterval() != seconds:
            assert time.monotonic() < end, f"{sys.getswitchinterval()} s, not {seconds} s"
            time.sleep(0.001)


@pytest.fixture
def interrupting() -> Iterator[Interrupting]:
    before = (signal.getsignal(signal.SIGINT), sys.unraisablehook)
    made = Interrupting()
    made.interrupter.install()
    yield made
    if made.work is not None:
        made.work.finished = True
    made.interrupter.restore()
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before


def signal_main_thread() -> None:
    from async_kernel.system.main_thread import wake_main_thread

    wake_main_thread()


def test_it_is_tried_until_the_work_has_ended(interrupting: Interrupting) -> None:
    work = interrupting.work
    assert work is not None
    interrupt = interrupting.interrupter.interrupt(work)
    work.wait_for_tries(5)
    assert interrupting.wakes >= 4
    work.finished = True
    assert interrupt.settled
    assert not interrupt.delivered
    after = interrupting.interrupter.interrupt(Work())  # the next one is tried, the settled one no more
    assert isinstance(after.work, Work)
    after.work.wait_for_tries(3)
    tries = work.ends
    after.work.wait_for_tries(6)
    assert work.ends == tries
    after.work.finished = True


def test_an_error_with_one_leaves_the_next_to_be_pursued(
    interrupting: Interrupting, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Work):
        def end_wait(self, interrupt: Interrupt) -> None:
            raise ZeroDivisionError

    broken = Broken()
    interrupting.interrupter.interrupt(broken)
    assert interrupting.work is not None
    interrupting.interrupter.interrupt(interrupting.work)
    interrupting.work.wait_for_tries(3)
    assert "ZeroDivisionError" in caplog.text


def test_one_that_does_not_get_through_is_reported_once(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "TELL_SECONDS", 0.02)
    work = interrupting.work
    assert work is not None
    interrupting.interrupter.interrupt(work)
    with work.change:
        assert work.change.wait_for(lambda: work.reports, DEADLINE)
        tries = work.ends
    work.wait_for_tries(tries + 3)
    assert work.reports == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal to a thread, as POSIX does")
def test_code_that_spins_in_the_main_thread_is_interrupted(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_kernel.interrupts.target.PATIENCE", 3600.0)  # spares this test's own code
    assert interrupting.work is not None
    interrupting.wake = signal_main_thread
    for _ in range(5):
        work = interrupting.work = Work()
        interrupt = interrupting.interrupter.interrupt(work)
        with pytest.raises(KeyboardInterrupt):
            function_in("async_kernel.kernel.lanes")(lambda: enter(spin))
        assert interrupt.delivered
        assert work.marked == 1


ALONE = "ASYNC_KERNEL_TEST_ALONE"
"""The environment variable of a process that runs one test."""


def spin_with_the_gil() -> None:
    """What user code may look like: a loop that nothing ends and that never waits."""
    while True:
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal to a thread, as POSIX does")
def test_a_loop_in_python_keeps_the_gil_no_longer_than_it_has_to() -> None:
    """In a process of its own: threads that other tests have left ask for the GIL as well, by the long interval."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {ALONE: "1"}
    test = f"{__file__}::test_the_gil_is_asked_for_soon"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert "1 passed" in done.stdout, done.stdout


@pytest.mark.skipif(ALONE not in os.environ, reason="the test above gives it a process of its own")
def test_the_gil_is_asked_for_soon(interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that delivers asks for it soon; the interval is what it was when that is done."""
    monkeypatch.setattr("async_kernel.interrupts.target.PATIENCE", 3600.0)  # spares this test's own code
    interrupting.wake = signal_main_thread
    work = interrupting.work = Work()
    before = sys.getswitchinterval()
    sys.setswitchinterval(DEADLINE / 2)
    try:
        began = time.monotonic()
        interrupting.interrupter.interrupt(work)
        with pytest.raises(KeyboardInterrupt):
            function_in("async_kernel.kernel.lanes")(lambda: enter(spin_with_the_gil))
        assert time.monotonic() - began < DEADLINE / 4
        interrupting.wait_for_interval(DEADLINE / 2)
    finally:
        sys.setswitchinterval(before)


def test_the_gil_is_asked_for_soon_until_the_first_try_is_done(interrupting: Interrupting) -> None:
    """The system may let another thread run at any line before that: it takes the GIL, and would keep it."""
    before = sys.getswitchinterval()
    seen: list[float] = []
    interrupting.wake = lambda: seen.append(sys.getswitchinterval())
    assert interrupting.work is not None
    interrupting.interrupter.interrupt(interrupting.work)
    interrupting.work.wait_for_tries(2)
    assert seen[0] < before
    assert seen[1:] == [before] * (len(seen) - 1)
    interrupting.wait_for_interval(before)


def test_the_gil_is_asked_for_as_usual_for_work_of_another_thread(interrupting: Interrupting) -> None:
    """What is raised there wants a whole interval to itself, for which the GIL would have to be given up once more: as
    long as a C call that holds it."""
    before = sys.getswitchinterval()
    seen: list[float] = []

    class Elsewhere(Work):
        def end_wait(self, interrupt: Interrupt) -> None:
            seen.append(sys.getswitchinterval())
            super().end_wait(interrupt)

    def wait() -> None:
        with suppress(KeyboardInterrupt):
            end.wait(DEADLINE)

    end = threading.Event()
    thread = threading.Thread(target=wait)
    thread.start()
    try:
        elsewhere = Elsewhere(thread.ident)
        interrupting.interrupter.interrupt(elsewhere)
        assert sys.getswitchinterval() == before
        elsewhere.wait_for_tries(1)
        elsewhere.finished = True
        assert set(seen) == {before}
    finally:
        end.set()
        thread.join(DEADLINE)


def test_an_interval_that_was_set_meanwhile_stays(interrupting: Interrupting) -> None:
    before = sys.getswitchinterval()
    try:
        interrupting.interrupter._ask_soon()
        assert sys.getswitchinterval() < before
        sys.setswitchinterval(0.25)
        assert interrupting.interrupter._ask_as_usual()
        assert sys.getswitchinterval() == 0.25
        assert not interrupting.interrupter._ask_as_usual()
    finally:
        sys.setswitchinterval(before)


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")
def test_the_processes_of_the_work_are_interrupted_with_it(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("async_kernel.interrupts.target.PATIENCE", 3600.0)
    assert interrupting.work is not None
    interrupting.wake = signal_main_thread
    interrupting.work.since = moment()
    with subprocess.Popen(["sleep", "100"]) as child:
        interrupting.interrupter.interrupt(interrupting.work)
        with pytest.raises(KeyboardInterrupt):
            function_in("async_kernel.kernel.lanes")(lambda: enter(spin))
        assert child.wait(DEADLINE) == -signal.SIGINT


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")
def test_they_are_when_the_work_cannot_be_reached_and_it_hears_of_it_first(interrupting: Interrupting) -> None:
    marks: list[int | None] = []
    work = interrupting.work
    assert work is not None
    work.since = moment()
    with subprocess.Popen(["sleep", "100"]) as child:
        interrupting.interrupter.mark = lambda: marks.append(child.poll())
        interrupting.interrupter.interrupt(work)
        work.wait_for_tries(5)
        assert child.wait(DEADLINE) == -signal.SIGINT
    work.wait_for_tries(work.ends + 3)
    assert marks == [None]


def test_work_that_can_be_reached_hears_of_it_before_its_processes_are_looked_for(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To look for them takes long beside C calls that hold the GIL, and with the first of these it is overdue."""
    looked: list[bool] = []
    started = threading.Event()
    work: Work

    def start_and_spin() -> None:
        started.set()
        spin()

    def run() -> None:
        with suppress(KeyboardInterrupt):
            function_in("async_kernel.kernel.lanes")(lambda: enter(start_and_spin))

    monkeypatch.setattr("async_kernel.interrupts.target.OFFSPRING_SECONDS", -1.0)
    monkeypatch.setattr(
        "async_kernel.interrupts.interrupter.interrupt_offspring", lambda *arguments: looked.append(work.interrupted)
    )
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(DEADLINE)
    work = Work(thread.ident)
    interrupting.interrupter.interrupt(work)
    thread.join(DEADLINE)
    interrupting.interrupter.restore()  # it waits for the thread that looks
    assert looked == [True]


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")
def test_those_of_a_signal_have_got_it_already(interrupting: Interrupting) -> None:
    work = interrupting.work = Work()
    work.since = moment()
    with subprocess.Popen(["sleep", "100"]) as child:
        interrupting.interrupter._pursue(Interrupt(work, by_signal=True))
        work.wait_for_tries(9)  # for longer than those of a message are spared
        child.terminate()
        assert child.wait(DEADLINE) == -signal.SIGTERM


def test_a_signal_from_outside_is_for_what_runs_now(interrupting: Interrupting) -> None:
    work = interrupting.work
    assert work is not None

    def user_code() -> None:
        signal.raise_signal(signal.SIGINT)
        spin()

    with pytest.raises(KeyboardInterrupt):
        function_in("async_kernel.kernel.lanes")(lambda: enter(user_code))
    assert work.marked == 1


def test_what_a_loop_runs_beside_us_is_known_by_its_outermost_frame() -> None:
    seen: list[FrameType | None] = []

    def callback() -> None:
        asyncio = function_in("asyncio.runners")  # as what a callback calls may be
        asyncio(lambda: function_in("user.more")(lambda: seen.append(callers().callback)))

    called: Callable[[], object] = callback
    for call in (function_in("asyncio.events"), ours(runs_user_calls), ours(runs_loops)):
        called = nested(call, called)
    called()
    assert seen[-1] is not None
    assert seen[-1].f_code is callback.__code__
    ours(runs_loops)(lambda: enter(callback))
    assert seen[-1] is None, "an entry has called it"


def run_beside(function: Callable[[], Any]) -> None:
    """Call `function` as a loop calls a callback, beside the kernel's own code."""
    ours(runs_loops)(lambda: function_in("asyncio.events")(lambda: function_in("user")(function)))


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal to a thread, as POSIX does")
def test_a_callback_beside_the_work_is_hit_once_it_has_held_it_up_and_the_interrupt_remains(
    interrupting: Interrupting,
) -> None:
    interrupting.wake = signal_main_thread
    work = interrupting.work
    assert work is not None
    interrupt, begun = Interrupt(work), math.inf
    settled: list[bool] = []

    def callback() -> None:
        nonlocal begun
        try:
            begun = time.monotonic()
            interrupting.interrupter._pursue(interrupt)  # only here: it would hit this test's own code as well
            spin()
        finally:
            time.sleep(3 * PATIENCE)  # cleans up, and is hit once
            settled.append(interrupt.settled)
            work.finished = True  # or the rest of this test were next

    with pytest.raises(KeyboardInterrupt):
        run_beside(callback)
    assert time.monotonic() - begun >= PATIENCE
    assert settled == [False]


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal to a thread, as POSIX does")
def test_a_task_that_raises_into_the_work_is_hit_at_once(interrupting: Interrupting) -> None:
    interrupting.wake = signal_main_thread
    work = interrupting.work
    assert work is not None
    work.reached = Reach.WORK
    interrupt = Interrupt(work)

    def callback() -> None:
        interrupting.interrupter._pursue(interrupt)  # only here: it would hit this test's own code as well
        spin()

    with pytest.raises(KeyboardInterrupt):
        run_beside(callback)
    assert interrupt.delivered
    assert work.marked == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends the signal to a thread, as POSIX does")
def test_a_task_whose_exception_would_end_the_loop_is_never_hit(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(target, "PATIENCE", 0.0)
    interrupting.wake = signal_main_thread
    work = interrupting.work
    assert work is not None
    work.reached = Reach.LOOP
    interrupting.interrupter.interrupt(work)
    run_beside(lambda: work.wait_for_tries(8))
    assert interrupting.wakes >= 8


def test_a_signal_from_outside_spares_a_callback_and_is_pursued(interrupting: Interrupting) -> None:
    work = interrupting.work
    assert work is not None
    run_beside(lambda: signal.raise_signal(signal.SIGINT))
    work.wait_for_tries(2)
    assert work.marked == 0


def test_a_signal_from_outside_that_hits_our_own_code_is_pursued(interrupting: Interrupting) -> None:
    work = interrupting.work
    assert work is not None
    function_in("async_kernel.kernel.lanes")(lambda: signal.raise_signal(signal.SIGINT))
    work.wait_for_tries(2)
    assert work.marked == 0


def test_a_signal_while_nothing_runs_does_nothing(interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch) -> None:
    pursued: list[Interrupt] = []
    monkeypatch.setattr(interrupting.interrupter, "_pursue", pursued.append)
    interrupting.work = None
    enter(lambda: signal.raise_signal(signal.SIGINT))
    assert pursued == []


def test_beside_the_first_interrupt_no_thread_has_to_start(interrupting: Interrupting) -> None:
    helper = interrupting.interrupter._thread
    assert helper is not None
    assert helper.is_alive()


def test_a_signal_that_comes_late_does_not_hit_the_next_work(interrupting: Interrupting) -> None:
    old, interrupting.work = interrupting.work, Work()
    assert old is not None
    old.finished = True
    interrupting.interrupter._aim = Interrupt(old)
    enter(lambda: signal.raise_signal(signal.SIGINT))
    assert (old.marked, interrupting.work.marked) == (0, 0)


def test_a_deferred_checkpoint_raises_in_user_code_alone(interrupting: Interrupting) -> None:
    work = interrupting.work
    assert work is not None
    interrupt = interrupting.interrupter._aim = Interrupt(work)
    writes, helps = ours(calls_checkpoint), ours()
    writes(lambda: interrupting.interrupter._on_signal(signal.SIGINT, None))
    (checkpoint,) = work.checkpoints
    enter(lambda: helps(lambda: writes(checkpoint)))  # still called by code of ours
    enter(lambda: helps(checkpoint))  # by a function that may have something left to do
    assert not interrupt.delivered
    with pytest.raises(KeyboardInterrupt):
        enter(lambda: writes(lambda: helps(checkpoint)))
    assert interrupt.delivered
    enter(lambda: writes(checkpoint))  # once


def test_another_thread_is_interrupted(interrupting: Interrupting) -> None:
    ended: list[type[BaseException]] = []
    started = threading.Event()

    def user_code() -> None:
        started.set()
        spin()

    def run() -> None:
        try:
            function_in("async_kernel.kernel.lanes")(lambda: enter(user_code))
        except BaseException as error:
            ended.append(type(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(DEADLINE)
    work = Work(thread.ident)
    interrupt = interrupting.interrupter.interrupt(work)
    thread.join(DEADLINE)
    assert ended == [KeyboardInterrupt]
    assert interrupt.delivered
    assert interrupting.wakes == 0, "the main thread has nothing to do with it"


def test_other_work_that_keeps_the_thread_to_itself_is_interrupted_too(interrupting: Interrupting) -> None:
    ended: list[type[BaseException]] = []
    started = threading.Event()

    async def user_code() -> None:
        started.set()
        enter(spin)

    def run() -> None:
        holder.thread = threading.get_ident()
        with suppress(StopIteration):
            try:
                held_by(holder, user_code).send(None)
            except KeyboardInterrupt as error:
                ended.append(type(error))

    holder = Work()
    interrupting.running.append(holder)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(DEADLINE)
    work = Work(thread.ident)  # awaits something, in the loop of that thread
    work.reached = Reach.LOOP
    interrupt = interrupting.interrupter.interrupt(work)
    thread.join(DEADLINE)
    assert ended == [KeyboardInterrupt]
    assert (holder.marked, work.marked) == (1, 0)
    assert not interrupt.settled
    work.finished = True


@pytest.mark.parametrize("of_cell", [True, False], ids=["of a cell", "of nobody's"])
def test_what_c_code_drops_in_another_thread_is_raised_once_more(
    interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch, of_cell: bool
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(interrupting.interrupter, "_tell_dropped", lambda dropped: told.append(dropped.exc_type))
    ends: list[object] = []

    class Dropping:
        def __del__(self) -> None:
            raise KeyboardInterrupt

    def user_code() -> None:
        Dropping()
        ends.append("went on")

    def run() -> None:
        sys.settrace(None)  # coverage traces, as a debugger does
        work = Work()
        work.interrupted = of_cell
        interrupting.running.append(work)
        try:
            enter(user_code)
        except BaseException as error:
            ends.append(type(error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE)
    assert told == [KeyboardInterrupt]
    assert ends == ([KeyboardInterrupt] if of_cell else ["went on"])


def test_what_somebody_else_put_in_place_is_left(interrupting: Interrupting, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "unraisablehook", lambda unraisable: None)
            others = sys.unraisablehook
            interrupting.interrupter.restore()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
            assert sys.unraisablehook is others
    finally:
        signal.signal(signal.SIGINT, before)
