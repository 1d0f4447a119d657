"""What handlers of the user's raise reaches the user's code only."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from async_kernel.interrupts.foreign_handlers import guard_handlers, may_raise_here
from async_kernel.stacks import runs_user_code

if sys.platform == "win32":
    pytest.skip("Windows has no signals that a process sends itself", allow_module_level=True)


class Late(Exception):
    """Raised by a handler."""


def ring(signum: int, frame: FrameType | None) -> None:
    raise Late


@runs_user_code
def user_code() -> None:
    signal.raise_signal(signal.SIGUSR1)
    time.sleep(0)


NAMELESS = [number for number in signal.valid_signals() if not isinstance(number, signal.Signals)][:1]
"""A signal that has no name of its own, where there is one."""


@pytest.fixture(autouse=True)
def as_in_a_kernel() -> Iterator[None]:
    """Nobody has a handler that raises, not even what ends a test that takes too long; afterwards all have theirs."""
    numbers = [number for number in signal.valid_signals() if callable(signal.getsignal(number))]
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (*numbers, signal.SIGUSR1)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_handlers_of_the_user_may_raise_in_the_main_thread_only() -> None:
    assert not may_raise_here()
    signal.signal(signal.SIGUSR1, ring)
    assert may_raise_here()
    elsewhere: list[bool] = []
    thread = threading.Thread(target=lambda: elsewhere.append(may_raise_here()))
    thread.start()
    thread.join()
    assert elsewhere == [False]
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    assert not may_raise_here()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    assert may_raise_here()


def test_what_a_guarded_one_raises_reaches_user_code(capsys: pytest.CaptureFixture[str]) -> None:
    signal.signal(signal.SIGUSR1, ring)
    guard_handlers()
    assert may_raise_here()
    with pytest.raises(Late):
        user_code()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("number", [signal.SIGUSR1, *NAMELESS])
def test_elsewhere_it_is_shown(capsys: pytest.CaptureFixture[str], number: int) -> None:
    before = signal.signal(number, ring)
    try:
        guard_handlers()
        signal.raise_signal(number)
    finally:
        signal.signal(number, before)
    error = capsys.readouterr().err
    assert f"signal {int(number)} (" in error
    assert error.rstrip().endswith("Late")


def test_a_handler_is_guarded_once_and_what_asks_for_the_end_goes_through() -> None:
    def leave(signum: int, frame: FrameType | None) -> None:
        sys.exit(3)

    signal.signal(signal.SIGUSR1, leave)
    guard_handlers()
    guarded = signal.getsignal(signal.SIGUSR1)
    guard_handlers()
    assert signal.getsignal(signal.SIGUSR1) is guarded
    with pytest.raises(SystemExit):
        signal.raise_signal(signal.SIGUSR1)


def test_that_of_sigint_is_not_touched() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    guard_handlers()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_in_another_thread_nothing_is_guarded() -> None:
    signal.signal(signal.SIGUSR1, ring)
    thread = threading.Thread(target=guard_handlers)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGUSR1) is ring
