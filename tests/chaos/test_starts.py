"""A kernel that is started under odd circumstances serves, or says at once why it cannot."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.needs.kernel import Kernel
from tests.needs.wire import Missed

from .kernels import ends, refuses_to_start, serves, subject
from .starts import CIRCUMSTANCES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits, namespaces and /proc of Linux")


@pytest.mark.table
@pytest.mark.parametrize("name", CIRCUMSTANCES)
def test_a_start(name: str, loops: tuple[str, ...]) -> None:
    one = CIRCUMSTANCES[name]
    if one.wrap and shutil.which(one.wrap[0]) is None:
        pytest.skip(f"there is no {one.wrap[0]} here")
    for loop in loops:
        with Kernel(subject(loop, one.wrap, one.env), prepare=one.prepare, connect=False) as kernel:
            if one.says:
                refuses_to_start(kernel, one.says)
                continue
            try:
                kernel.reach()
                serves(kernel)
            except Missed:
                if not one.either:
                    raise
                ends(kernel, None)  # if it has not yet
            else:
                ends(kernel)
