"""Memory for large messages is not taken anew for each: pages that the system gives are counted."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

LARGE = """
import resource
from async_kernel.system.heap import keep_heap

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        kept = [bytes(1_000_000) + b"x" for _ in range(5)]
        del kept
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 20

before = pages()
keep_heap()
pages()
print(before, pages())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they do: see the module")
def test_large_blocks_take_no_new_pages() -> None:
    run = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, timeout=60, check=True)
    before, after = map(int, run.stdout.split())
    assert before > 500, "there is something to be spared"
    assert after < 50
