"""A cell that fills the memory which its process is allowed, and keeps it: it fails, and the kernel lives."""

from __future__ import annotations

import sys

import pytest

from .conftest import StartKernel
from .driver import plain

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says how much is used, and the limit holds")

FILL = """
import resource
allowed = resource.getrlimit(resource.RLIMIT_AS)

def fill(least=4096):
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), allowed[1]))
    kept, size = [], 16 << 20
    while size >= least:
        try:
            kept.append(bytearray(size))
        except MemoryError:
            size //= 2
    return kept
"""

CELLS = {
    "raises": "kept = fill()\nraise MemoryError",
    "allocates": "kept = fill()\nmore = bytearray(1 << 20)",
    "prints": "kept = fill()\nprint('x' * 10_000_000)",
    "displays": "from IPython.display import display\nkept = fill()\nwhile True: display(bytearray(1 << 20))",
}


@pytest.mark.parametrize("what", CELLS)
def test_a_cell_that_fills_the_memory_fails_and_the_kernel_lives(
    start_kernel: StartKernel, backend: str, what: str
) -> None:
    kernel = start_kernel(backend)
    kernel.execute(FILL).ok()
    cell = kernel.execute(CELLS[what])
    assert (cell.status, cell.reply["ename"]) == ("error", "MemoryError")
    assert plain("".join(cell.reply["traceback"])).endswith("MemoryError: ")
    kernel.execute("del kept; resource.setrlimit(resource.RLIMIT_AS, allowed)").ok()
    assert kernel.execute("1 + 1").result == "2"


def test_a_cell_that_has_filled_the_memory_is_replied_to(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(FILL).ok()
    kernel.execute("kept = fill()").ok()
    kernel.execute("del kept; resource.setrlimit(resource.RLIMIT_AS, allowed)").ok()
    assert kernel.execute("1 + 1").result == "2"
