"""Each suite gives the outcomes that the table lists: no test fails that is not listed, and each listed one does."""

from __future__ import annotations

import sys

import pytest

from .conftest import MakeRunner
from .differences import Kind
from .table import SUITES

pytestmark = [
    pytest.mark.suites,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        sys.platform != "linux" or sys.version_info >= (3, 14),
        reason="the table is of Linux and CPython before 3.14; elsewhere the suites skip tests of theirs",
    ),
]


@pytest.mark.parametrize(
    ("name", "backend"), [(name, backend) for name, suite in SUITES.items() for backend in suite.backends]
)
def test_a_suite_gives_the_outcomes_of_the_table(name: str, backend: str, runner: MakeRunner) -> None:
    suite = SUITES[name]
    unexpected = runner(suite, backend).unexpected(suite.expected(backend))
    assert not unexpected, "\n\n".join(
        f"{test}: {result.outcome.value}\n{result.words}" for test, result in unexpected.items()
    )


@pytest.mark.parametrize("name", [name for name, suite in SUITES.items() if suite.of_kind(Kind.FAULT)])
def test_faults_of_a_suite_fail_under_ipykernel_as_well(name: str, runner: MakeRunner) -> None:
    suite = SUITES[name]
    tests = suite.of_kind(Kind.FAULT)
    results = runner(suite, "").run(tests)
    assert {test: result.outcome.value for test, result in results.items()} == dict.fromkeys(tests, "failed")
