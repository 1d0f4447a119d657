"""The targets of an interrupt, without a kernel: states and times in, a list out."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from async_kernel.kernel.targets import CERTAIN_SECONDS, ShellState, targets


class Work(NamedTuple):
    name: str
    started: float = 0.0
    free_since: float = 0.0
    seconds: float = 0.0


def shell(running: Work | None = None, *background: Work, idle_since: float = 0.0) -> ShellState[Work]:
    return ShellState(running, background, idle_since)


CELL, OTHER, TASK = Work("cell"), Work("other"), Work("task")


def test_a_signal_is_for_the_cells_of_all_shells() -> None:
    assert targets([shell(CELL), shell(), shell(OTHER)]) == [CELL, OTHER]


def test_the_background_is_meant_while_no_cell_runs_in_any_shell() -> None:
    assert targets([shell(CELL, TASK), shell(None, OTHER)]) == [CELL]
    assert targets([shell(None, TASK), shell(None, OTHER)]) == [TASK, OTHER]


def test_where_nothing_runs_nothing_is_meant() -> None:
    assert targets([shell(), shell()]) == []
    assert targets([shell(), shell()], (5.0, 5.0)) == []
    assert targets([]) == []


@pytest.mark.parametrize(
    ("started", "free_since", "is_meant"),
    [
        (4.0, 3.0, True),
        (4.0, 4.0, True),
        (7.0, 3.0, False),  # sent before the cell began
        (5.5, 3.0, True),  # perhaps sent after it began, and certainly after the cell before had ended
        (5.5, 5.2, False),  # perhaps sent while the cell before ran
    ],
)
def test_a_message_is_for_a_cell_that_ran_when_it_was_sent(started: float, free_since: float, is_meant: bool) -> None:
    cell = Work("cell", started, free_since)
    assert targets([shell(cell)], (5.0, 6.0)) == ([cell] if is_meant else [])


def test_a_cell_that_has_run_for_long_is_meant_whatever_the_clocks_say() -> None:
    cell = Work("cell", started=100.0, free_since=100.0, seconds=CERTAIN_SECONDS + 0.1)
    young = cell._replace(seconds=CERTAIN_SECONDS - 0.1)
    assert targets([shell(cell), shell(young)], (5.0, 6.0)) == [cell]


@pytest.mark.parametrize(("idle_since", "is_meant"), [(5.9, True), (6.1, False)])
def test_a_message_for_a_cell_that_has_ended_since_spares_the_background(idle_since: float, is_meant: bool) -> None:
    assert targets([shell(None, TASK, idle_since=idle_since)], (5.0, 6.0)) == ([TASK] if is_meant else [])
