"""Writes `docs/moving-from-ipykernel.md` from the tables of libraries and of suites, ipykernel's own among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..environments import ROOT
from ..suites.differences import Kind as SuiteKind
from ..suites.table import SUITES
from .cells import NOTEBOOKS, read
from .differences import BACKENDS, Kind
from .table import ABOUT, DIFFERENCES

__all__ = ["PAGE", "page"]

PAGE = ROOT / "docs" / "moving-from-ipykernel.md"

HEAD = """\
# Moving from ipykernel

Notebooks, libraries and front ends work without changes. [Install the package](guides/install.md) into the environment
of the notebook, and choose the kernel **async** in the front end. You can keep ipykernel installed or remove it.

To use this kernel for notebooks that ask for `python3`, see
[Make it the default kernel](guides/install.md#make-it-the-default-kernel).

The tests run the same cells and test suites with both kernels. The tables below come from these tests, and
`python -m tests.libraries` writes this page. [A drop-in, point by point](compare/drop-in.md) names the test of each
point.
"""

SAME = """\
## The same

- **Cells**: IPython's shell, magics, configuration (`ipython_config.py`, `--InlineBackend.figure_formats=...`),
  history, completion by jedi, `Out`, `%pip`.
- **The protocol**: the messages of ipykernel's own tests, [with the differences below](compare/suites.md), and
  [the clients](compare/clients.md) that people use.
- **Names of ipykernel** by which libraries recognise a notebook, or that they import:
  [libraries that look for ipykernel](guides/libraries.md).
- **Widgets, figures, tables, progress bars, processes, servers in tasks**: the test cells of the next table ran under
  ipykernel {version} and under this kernel, on {backends}. The tests compare text, displays, results, errors, and comms
  with the state of every widget. Each cell that differs is explained in a table further down.

| libraries in the cells | cells | cells that differ |
|---|---|---|
"""

BETTER = """\
## Better

- **The stop button** ends cells that await as well as cells that compute, and leaves background tasks alone:
  [interrupts](guides/interrupts.md).
- **Nested loops**: `asyncio.run` and libraries that call it work in a cell, without `nest_asyncio`: [await in
  cells](guides/tasks.md#await-in-cells).
- **Widgets, completion and tooltips work while a cell runs**: [while a cell runs](guides/beside.md).
- **Output stays in the cell that it comes from**, including output of tasks, threads, C code and other programs. A slow
  client loses none of it: [output](guides/output.md).
- **Kernels on trio and uvloop, and with windows of Tk and Qt**: [the command line](reference/command-line.md),
  [hosts](guides/hosts.md).
- **The debugger** stops in cells that await, and an interrupt ends a stopped cell: [debugging](guides/debugging.md).
- **Child processes end** with the kernel: [exit](guides/exit.md).
"""

DIFFERENT = """\
## Different, and why
"""

NOT_YET = """\
## Not yet

[Known limitations](reference/limits.md) lists other gaps.
"""


def page() -> str:
    """The page, as it has to be."""
    ipykernel = SUITES["ipykernel"]
    same = SAME.format(version=ipykernel.version, backends=" and ".join(BACKENDS))
    parts = [
        HEAD,
        same + "".join(f"{line}\n" for line in overview()),
        BETTER + table(of_cells(Kind.BETTER)),
        DIFFERENT + table([*of_suites(SuiteKind.ON_PURPOSE), *of_cells(Kind.DIFFERENT)]),
    ]
    if missing := [*of_suites(SuiteKind.NOT_YET), *of_cells(Kind.NOT_YET)]:
        parts.append(NOT_YET + table(missing))
    return "\n".join(parts)


def overview() -> Iterator[str]:
    """One row for each notebook."""
    for notebook in NOTEBOOKS:
        differ = {cell for each in DIFFERENCES if each.notebook == notebook for cell in each.cells}
        yield f"| {ABOUT[notebook]} | {len(read(notebook))} | {len(differ)} |"


def table(rows: Iterable[tuple[str, str]]) -> str:
    """A table of what differs, and the reason; without rows, nothing."""
    lines = [f"| {seen} | {reason} |\n" for seen, reason in rows]
    return "".join(["\n| seen in | difference and reason |\n|---|---|\n", *lines]) if lines else ""


def of_cells(kind: Kind) -> Iterator[tuple[str, str]]:
    """The cells that differ in a way."""
    for each in DIFFERENCES:
        if each.kind is kind:
            backends = "" if each.backends == BACKENDS else f" (on {', '.join(each.backends)})"
            yield "<br>".join(f"{each.notebook}: {cell}{backends}" for cell in each.cells), each.reason


def of_suites(kind: SuiteKind) -> Iterator[tuple[str, str]]:
    """The tests of suites that differ in a way, ipykernel's first."""
    for suite in sorted(SUITES.values(), key=lambda suite: suite.name != "ipykernel"):
        for each in suite.differences:
            if each.kind is kind:
                tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in each.tests)
                yield f"{suite.name}: {tests}", each.reason
