"""The seed of a run, and how long it is."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .kernels import LOOPS, PYTHON
from .strangers import Context

HERE = Path(__file__).parent

ROWS = 20
"""Of a table, in a short run."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=1, metavar="N", help="tests/chaos: what is taken at random")
    parser.addoption(
        "--long", action="store_true", help="tests/chaos: every row on each loop, and as much as hours take"
    )


def pytest_configure(config: pytest.Config) -> None:
    PYTHON[:] = [config.getoption("--python", None) or sys.executable]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark all tests here. Of each table the short run takes some rows, by chance, unless tests are named."""
    here = [item for item in items if HERE in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.chaos)
    if config.getoption("--long", False) or any("::" in argument for argument in config.args):
        return
    tables: dict[str, list[pytest.Item]] = {}
    for item in here:
        if table := item.get_closest_marker("table"):
            name = str(table.args[0]) if table.args else item.nodeid.partition("[")[0]
            tables.setdefault(name, []).append(item)
    left = []
    for name, rows in tables.items():
        chance = random.Random(f"{config.getoption('--seed', 1)} {name}")
        left += chance.sample(rows, max(0, len(rows) - ROWS))
    if left:
        config.hook.pytest_deselected(items=left)
        names = {item.nodeid for item in left}
        items[:] = [item for item in items if item.nodeid not in names]


def pytest_report_header(config: pytest.Config) -> str:
    return f"chaos: --seed={config.getoption('--seed', 1)}{' --long' if config.getoption('--long', False) else ''}"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say the figures that tests have noted."""
    reports = [
        one for several in terminalreporter.stats.values() for one in several if isinstance(one, pytest.TestReport)
    ]
    figures = [
        f"{report.outcome}  {report.nodeid.partition('::test_')[2]}: {value}"
        for report in reports
        if report.when == "call"
        for name, value in report.user_properties
        if name == "figure"
    ]
    if figures:
        terminalreporter.section("figures")
        for line in sorted(figures):
            terminalreporter.line(line)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder of the run's own for caches: kernels that may write no byte leave nothing behind in the user's."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    before = os.environ.get("XDG_CACHE_HOME")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    yield
    if before is None:
        del os.environ["XDG_CACHE_HOME"]
    else:
        os.environ["XDG_CACHE_HOME"] = before


@pytest.fixture
def long(request: pytest.FixtureRequest) -> bool:
    """Whether this is the long run."""
    return bool(request.config.getoption("--long", False))


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> str:
    """What the chances of this test come from: the seed of the run and the name of the test."""
    return f"{request.config.getoption('--seed', 1)} {request.node.nodeid}"


@pytest.fixture
def chance(seed: str) -> random.Random:
    """The chances of this test."""
    return random.Random(seed)


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """Each loop in turn."""
    return str(request.param)


@pytest.fixture
def loops(chance: random.Random, long: bool) -> tuple[str, ...]:
    """The loops for one row of a table: one of them by chance, both in the long run."""
    return LOOPS if long else (chance.choice(LOOPS),)


@pytest.fixture
def context() -> Iterator[Context]:
    """Sockets of strangers, which are closed at the end of the test."""
    context = Context()
    yield context
    context.close()
