"""Writes `docs/compare/suites.md` from the table."""

from __future__ import annotations

from collections.abc import Iterator

from ..environments import ROOT
from .differences import BACKENDS, Difference, Kind, Suite
from .table import SUITES

__all__ = ["PAGE", "page"]

PAGE = ROOT / "docs" / "compare" / "suites.md"

HEAD = """\
# Suites of other projects

Other projects wrote these test suites for their own kernels and clients. `pytest tests/suites` downloads them from the
package index, unchanged and in a fixed version, and runs them with this kernel. A test that is not in the tables below
must pass, and a test that is in a table must end as the table says. `python -m tests.suites --page` writes this page
from the same tables.
"""


def page() -> str:
    """The page, as it has to be."""
    return "\n".join([HEAD, *overview(), *(line for suite in SUITES.values() for line in section(suite))])


def overview() -> Iterator[str]:
    """One row for each suite."""
    yield from ("| suite | on | in it | differences on purpose | not yet |", "|---|---|---|---|---|")
    for suite in SUITES.values():
        counts = [str(len(suite.of_kind(kind))) for kind in (Kind.ON_PURPOSE, Kind.NOT_YET)]
        yield f"| {suite.name} {suite.version} | {', '.join(suite.backends)} | {suite.covers} | {' | '.join(counts)} |"
    yield ""


def section(suite: Suite) -> Iterator[str]:
    """The differences of one suite, those on purpose first."""
    if not suite.differences:
        return
    yield from (f"## {suite.name} {suite.version}", "", "| test | | why |", "|---|---|---|")
    for kind in Kind:
        yield from (row(each) for each in suite.differences if each.kind is kind)
    yield ""


def row(difference: Difference) -> str:
    """One row: the tests, the kind with its backends, the reason."""
    tests = "<br>".join(f"`{test.removeprefix('tests/')}`" for test in difference.tests)
    backends = "" if difference.backends == BACKENDS else f" ({', '.join(difference.backends)})"
    return f"| {tests} | {difference.kind.value}{backends} | {difference.reason} |"
