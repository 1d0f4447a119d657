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

Notebooks, libraries and front ends need no change. Install the package into the environment of the notebook, choose
the kernel `async` in the front end, or make a spec of your own: [the command line](reference/command-line.md).
ipykernel may stay installed beside it, and need not.

The tables are those of the tests, which run the same cells and suites under both kernels; so they are true. Which test
holds which part of it stands in [held by tests](compare/drop-in.md).
`python -m tests.libraries` writes this page.
"""

SAME = """\
## The same

- **Cells**: IPython's shell, magics, configuration (`ipython_config.py`, `--InlineBackend.figure_formats=...`),
  history, completion by jedi, `Out`, `%pip`.
- **The protocol**: the messages of ipykernel's own tests, [with the differences below](compare/suites.md), and
  [the clients](compare/clients.md) that people use.
- **What libraries ask for** to recognise a notebook, and what they import from `ipykernel`:
  [libraries that look for ipykernel](guides/libraries.md).
- **Widgets, figures, tables, progress bars, processes, servers in tasks**: each of these cells was executed under
  ipykernel {version} and under this kernel, on {backends}, and what it showed was compared: text, displays, results,
  errors, comms with the state of every widget.

| in the cells | cells | that differ |
|---|---|---|
"""

BETTER = """\
## Better

- **Interrupts** end what awaits as well as what computes, and spare the tasks beside it:
  [interrupts](guides/interrupts.md).
- **Loops within the loop**: `asyncio.run` and libraries that call it work in a cell, without `nest_asyncio`:
  [await in cells](guides/tasks.md#await-in-cells).
- **Widgets live while a cell runs**, and so do completion and tooltips:
  [beside a running cell](guides/beside.md).
- **Output stays with the cell that it comes from**, also that of tasks, threads, C code and other programs, and nothing
  is lost to a slow reader: [output](guides/output.md).
- **trio, uvloop, and the windows of tk and Qt**, each a kernel of its own:
  [the command line](reference/command-line.md), [hosts](guides/hosts.md).
- **The debugger** stops in cells that await, and an interrupt ends a stopped cell: [debugging](guides/debugging.md).
- **Child processes end** with the kernel: [exit](guides/exit.md).
"""

DIFFERENT = """\
## Different, and why
"""

NOT_YET = """\
## Not yet

What is missing beside this stands in [known limitations](reference/limits.md).
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
    return "".join(["\n| seen in | how, and why |\n|---|---|\n", *lines]) if lines else ""


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
