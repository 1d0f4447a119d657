"""A new notebook and its first cell in JupyterLab, by a kernel that starts cold and by a warm one, in turn.

A person's deeds as fast as the page takes them: a click on the card of the launcher, a line typed as soon as the kernel
idles, Control+Enter. The milliseconds from the click to the output are mostly the page's own, which both have.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from .front_ends import Lab

STARTS = 10
"""Notebooks of each kind."""

REFILL_SECONDS = 4.0
"""The pause after each: a person's, in which the server makes the next process ready."""

KINDS = {"cold": (), "warm": ("--warm",)}
"""The kinds, with the options of `async-kernel -a` by which their specs are made."""

IS_WARM = "'async_kernel.warm.standby' in __import__('sys').modules"


def play(lab: Lab, kernels: dict[str, str], starts: int = STARTS) -> Iterator[str]:
    """Start so many notebooks on these specs, `{"cold": "name", "warm": ...}`, in turn; tells of each, then in sum."""
    times: dict[str, list[float]] = {kind: [] for kind in kernels}
    for number in range(starts + 1):
        for kind, name in kernels.items():
            lab.kernel = name
            passed, warm = _first_cell(lab)
            lab.page.wait_for_timeout(1000 * REFILL_SECONDS)
            if number == 0:  # nothing is kept before the first start, and the page has not been used yet
                continue
            if warm != (kind == "warm"):
                raise RuntimeError(f"start {number}, which should have been {kind}, was not")
            times[kind].append(passed)
            yield f"start {number} of {starts}, {kind}: {passed:.0f} ms"
    for kind, all_of_it in times.items():
        yield f"{kind}: median {statistics.median(all_of_it):.0f} ms, least {min(all_of_it):.0f} ms"


def _first_cell(lab: Lab) -> tuple[float, bool]:
    """Milliseconds from the click to the output, and whether the kernel was a process that had been ready."""
    began = time.perf_counter()
    notebook = lab.launch()
    cell = notebook.cell(0)
    cell.write(IS_WARM)
    cell.start()
    said = cell.wait_shown(".jp-OutputArea-output").inner_text().strip()
    passed = 1000 * (time.perf_counter() - began)
    lab.shut_down(notebook)
    return passed, said == "True"
