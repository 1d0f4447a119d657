"""The words of the table: a suite, and a difference between its tests and the outcome under this kernel."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["BACKENDS", "Difference", "Kind", "Outcome", "Suite"]

BACKENDS = ("asyncio", "uvloop", "trio")


class Outcome(Enum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Kind(Enum):
    """Why a test of a suite does not pass; the values are the words of `docs/compare/suites.md`."""

    ON_PURPOSE = "a difference on purpose"
    FAULT = "a fault of the suite: it fails under ipykernel as well"
    NOT_YET = "not yet"
    SKIPPED = "skipped by the suite"


class Difference(NamedTuple):
    """Tests that do not pass under this kernel, for one reason."""

    kind: Kind
    reason: str
    tests: tuple[str, ...]
    """Their ids: `("tests/test_kernel.py::test_simple_print",)`. `{folder}` stands for the root of the distribution."""
    backends: tuple[str, ...] = BACKENDS

    @property
    def outcome(self) -> Outcome:
        """The outcome that each of the tests has to have: one that passes has to leave the table."""
        return Outcome.SKIPPED if self.kind is Kind.SKIPPED else Outcome.FAILED


class Suite(NamedTuple):
    """The tests in the source distribution of a project."""

    name: str
    """The distribution: "nbclient"."""
    version: str
    sha256: str
    """The hash of the source distribution."""
    tests: tuple[str, ...]
    """The files and folders of tests that run, from the root of the distribution."""
    covers: str
    """The part of a kernel that these tests use, for the docs."""
    differences: tuple[Difference, ...] = ()
    members: tuple[str, ...] = ("tests", "pyproject.toml")
    """The files and folders that are unpacked."""
    backends: tuple[str, ...] = ("asyncio",)
    options: tuple[str, ...] = ()
    """More arguments for pytest."""
    inside: bool = False
    """Run the tests in a cell of the kernel, instead of beside it with kernels of their own."""

    def expected(self, backend: str) -> dict[str, Outcome]:
        """The tests that do not pass on a backend: `{"tests/test_x.py::test_y": Outcome.SKIPPED}`."""
        listed = [each for each in self.differences if backend in each.backends]
        return {test: each.outcome for each in listed for test in each.tests}

    def of_kind(self, kind: Kind) -> list[str]:
        """The tests that are listed with a kind."""
        return [test for each in self.differences if each.kind is kind for test in each.tests]
