"""What a probe is, what comes of one, and the list that all of them are in.

It knows neither which needs there are nor which kernels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from .kernel import Backend, NotStarted, Subject
from .wire import Missed

__all__ = ["Missed", "Outcome", "Probe", "passed", "probe", "probes", "run_probe", "within"]

Verdict = Literal["passed", "slow", "failed"]


class Outcome(NamedTuple):
    """What came of putting one kernel to one probe.

    "slow": everything that was asked for happened, but past the time that the need names. `figures` are what was
    measured, seconds unless the name says otherwise, for example `{"seconds": 0.012}`.
    """

    verdict: Verdict
    detail: str = ""
    figures: Mapping[str, float] = MappingProxyType({})

    @property
    def served(self) -> bool:
        """Whether the kernel did what was asked for, in whatever time."""
        return self.verdict != "failed"


class Probe(NamedTuple):
    """One question to a kernel: `row` is that of the table of needs, `name` unique, `title` a short phrase."""

    row: int
    name: str
    title: str
    run: Callable[[Subject], Outcome]
    backends: tuple[Backend, ...]


_probes: dict[str, Probe] = {}


def probe(
    row: int, name: str, title: str, backends: tuple[Backend, ...] = ("asyncio", "trio")
) -> Callable[[Callable[[Subject], Outcome]], Callable[[Subject], Outcome]]:
    """Enter the decorated function into the list. It raises `Missed` where the kernel fails."""

    def enter(function: Callable[[Subject], Outcome]) -> Callable[[Subject], Outcome]:
        if name in _probes:
            raise ValueError(f"two probes are called {name}")
        _probes[name] = Probe(row, name, title, function, backends)
        return function

    return enter


def probes() -> list[Probe]:
    """All probes, in the order of rows, then of definition."""
    from . import rows  # filled by importing; the rows import this module

    assert rows
    return sorted(_probes.values(), key=lambda one: one.row)


def run_probe(one: Probe, subject: Subject) -> Outcome:
    """Put a kernel to a probe. An exception other than `Missed` is the probe's own error, and is let out."""
    start = time.perf_counter()
    try:
        outcome = one.run(subject)
    except NotStarted as missed:
        outcome = Outcome("failed", f"did not start: {missed}")
    except Missed as missed:
        outcome = Outcome("failed", str(missed))
    return outcome._replace(figures={**outcome.figures, "probe": round(time.perf_counter() - start, 2)})


def passed(detail: str = "", **figures: float) -> Outcome:
    """The outcome of a kernel that does what was asked for."""
    return Outcome("passed", detail, {name: round(value, 4) for name, value in figures.items()})


def within(limit: float, seconds: float, detail: str = "", **figures: float) -> Outcome:
    """Passed, or slow when `seconds` is over `limit`."""
    outcome = passed(detail, seconds=seconds, **figures)
    return outcome if seconds <= limit else outcome._replace(verdict="slow")
