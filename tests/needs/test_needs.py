"""Every probe against this project's kernel, on asyncio, uvloop and trio: a test for each.

A test fails when the kernel does not do what a row asks for. One that does, but takes longer than the row allows, is
told in the summary and passes: times are measured by `needs.py` and `soak.py` of the benchmarks, on a quiet machine.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings

import pytest

from .probe import Probe, probes, run_probe
from .subjects import ours

LOOPS = ("asyncio", "uvloop", "trio")

pytestmark = [pytest.mark.needs, pytest.mark.timeout(300)]


class SlowWarning(UserWarning):
    """A need was served, in more than the time that it names."""


def _cases() -> list[object]:
    return [
        pytest.param(one, loop, id=f"{one.row}-{one.name}-{loop}")
        for one in probes()
        for loop in LOOPS
        if ("trio" if loop == "trio" else "asyncio") in one.backends
    ]


@pytest.mark.filterwarnings("default::tests.needs.test_needs.SlowWarning")
@pytest.mark.parametrize(("one", "loop"), _cases())
def test_need(one: Probe, loop: str) -> None:
    if importlib.util.find_spec(loop) is None:
        pytest.skip(f"{loop} is not installed: python -m pip install {loop}")
    outcome = run_probe(one, ours(sys.executable, loop))
    assert outcome.served, f"row {one.row}, {one.title}: {outcome.detail}"
    if outcome.verdict == "slow":
        warnings.warn(f"row {one.row}, {one.title} on {loop}: {outcome.figures}", SlowWarning)
