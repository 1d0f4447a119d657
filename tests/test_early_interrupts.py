"""An interrupt before a kernel takes SIGINT, and where none of ours is started. How a start goes on is in `e2e`."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from async_kernel.command import command_line
from async_kernel.early_interrupts import disregard_interrupts, heed_interrupts


@pytest.fixture(autouse=True)
def pythons() -> Iterator[None]:
    """Python's own handler is there before, and ours for the tests afterwards."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_costs_nothing_and_is_told() -> None:
    assert disregard_interrupts()
    signal.raise_signal(signal.SIGINT)
    assert not disregard_interrupts(), "twice"
    assert heed_interrupts()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not heed_interrupts(), "there is nothing to give back"
    assert disregard_interrupts()
    assert not heed_interrupts(), "none has come since"


def test_what_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert not disregard_interrupts()
    assert not heed_interrupts()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_command_that_starts_no_kernel_is_ended_by_an_early_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    disregard_interrupts()
    assert command_line(["--version"]) == 0
    disregard_interrupts()
    signal.raise_signal(signal.SIGINT)
    assert command_line(["--version"]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
