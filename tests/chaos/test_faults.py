"""A kernel that runs gets into trouble: it answers beside that, serves when it is over, and ends in good order."""

from __future__ import annotations

import sys

import pytest

from tests.needs.kernel import Kernel
from tests.needs.wire import Missed

from .faults import FAULTS
from .kernels import SECONDS, ends, leaves_nothing, one_answer, serves, subject

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits, users and signals of Linux")


@pytest.mark.table
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault(name: str, loops: tuple[str, ...]) -> None:
    fault = FAULTS[name]
    for loop in loops:
        with Kernel(subject(loop)) as kernel:
            request = kernel.client.execute((loop == "trio" and fault.trio) or fault.cell)
            if fault.release is not None:
                kernel.finish(request, SECONDS)
                one_answer(kernel, request)
                fault.holds(kernel)
                kernel.run(fault.release, SECONDS)
                serves(kernel)
                ends(kernel)
            else:
                fault.holds(kernel)
                ends_somehow(kernel, request)


def ends_somehow(kernel: Kernel, request: str) -> None:
    """The cell that made the fault is answered unless the process dies of it; what is left of that ends when asked."""
    try:
        kernel.client.reply(request, SECONDS)
    except Missed:
        assert not kernel.alive(), kernel.log()
    if kernel.alive():
        ends(kernel, None)
    leaves_nothing(kernel)
