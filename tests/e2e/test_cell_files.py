"""The file names of cells, as libraries that go by them take them, also after a restart."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from .conftest import StartKernel
from .driver import KernelDriver


class Keeps(NamedTuple):
    """A cell of a library that keeps something for the next process; `before` and `after` a restart it has a result."""

    code: str
    before: str
    after: str


KEPT = {
    "numba": Keeps(
        "import numba\n\n@numba.njit(cache=True)\ndef double(x):\n    return 2 * x  # on {backend}\n\n"
        "(double(21), sum(double.stats.cache_hits.values()))",
        "(42, 0)",
        "(42, 1)",
    ),
    "joblib": Keeps(
        "import joblib\n\n@joblib.Memory('kept', verbose=0).cache\ndef square(x):\n"
        "    with open('computed', 'a') as log:\n        log.write('once ')\n    return x * x\n\n"
        "(square(7), open('computed').read())",
        "(49, 'once ')",
        "(49, 'once ')",
    ),
}


@pytest.mark.parametrize("library", KEPT)
def test_what_a_library_keeps_of_a_cell_is_found_after_a_restart(
    start_kernel: StartKernel, backend: str, library: str
) -> None:
    pytest.importorskip(library)
    keeps = KEPT[library]
    code = keeps.code.format(backend=backend)  # a cell of its own: numba keeps it in the folder of all kernels
    kernel = start_kernel(backend)
    assert kernel.execute(code, seconds=60).ok().result == keeps.before
    kernel.restart()
    assert kernel.execute(code, seconds=60).ok().result == keeps.after


def test_line_profiler_shows_the_source_of_a_cell(kernel: KernelDriver) -> None:
    pytest.importorskip("line_profiler")
    kernel.execute("%load_ext line_profiler").ok()
    kernel.execute("def profiled():\n    first = 1\n    return first + 1  # the last line").ok()
    cell = kernel.execute("%lprun -f profiled profiled()").ok()
    shown = "".join(part["data"]["text/plain"] for part in cell.reply["payload"]) + cell.text()
    assert "return first + 1  # the last line" in shown
