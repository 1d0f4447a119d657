"""One run of one suite: pytest in a process of its own, or in a cell of a kernel, and the outcome of each test."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from ..conftest import BACKENDS
from ..environments import cache
from .differences import Outcome, Suite
from .sources import fetch, unpack

__all__ = ["Result", "Runner", "prepare"]

DEADLINE = 900
FOLDER = "{folder}/"
"""Stands in an id for the folder of the suite, which differs from run to run: nbval's ids have paths of notebooks."""

LAUNCHER = """\
# nbval's option for the kernel of its own environment runs `python -m ipykernel_launcher -f FILE`.
import runpy
import sys

sys.argv += {options}
runpy.run_module("async_kernel", run_name="__main__", alter_sys=True)
"""

INSIDE = Path(__file__).with_name("inside.py")


class Result(NamedTuple):
    """The end of one test: its outcome, and the words of pytest about it."""

    outcome: Outcome
    words: str


def prepare(suite: Suite, backend: str, python: Path, folder: Path, variables: Mapping[str, str]) -> Runner:
    """A runner of a suite that has been fetched and unpacked below `folder`, with a kernel spec for the backend.

    No backend means ipykernel. `variables` is the environment in which pip finds its configuration.
    """
    root = unpack(suite, fetch(suite, cache("suites") / "sources", variables), folder)
    if not backend:
        return Runner(suite, python, root, {})
    kernels = folder / "jupyter" / "kernels"
    command = ["-a", "python3", f"--folder={kernels}", *BACKENDS[backend]]
    subprocess.run([str(python), "-m", "async_kernel", *command], check=True, timeout=60, capture_output=True)
    argv = json.loads((kernels / "python3" / "kernel.json").read_text(encoding="utf-8"))["argv"]
    launcher = folder / "launcher"
    launcher.mkdir()
    (launcher / "ipykernel_launcher.py").write_text(LAUNCHER.format(options=argv[5:]), encoding="utf-8")
    return Runner(suite, python, root, {"JUPYTER_PATH": str(kernels.parent), "PYTHONPATH": str(launcher)})


class Runner:
    """Runs the tests of a suite under the kernel whose spec is called `python3`.

    `python` is the interpreter of the suites' environment, `root` the unpacked distribution; by `variables`, of the
    environment, Jupyter finds the kernel (none: ipykernel's own).
    """

    def __init__(self, suite: Suite, python: Path, root: Path, variables: Mapping[str, str]) -> None:
        self.suite = suite
        self.python = python
        self.root = root
        self.variables = variables
        self.log = root.parent / "log.txt"

    def run(self, tests: Sequence[str] = (), without: Sequence[str] = ()) -> dict[str, Result]:
        """The result of each test of the suite, or of the given ones: `{"tests/test_x.py::test_y": Result(...)}`.

        Raises TimeoutExpired when the run takes longer than the deadline, and AssertionError when pytest could not run.
        """
        report = self.root.parent / "report.xml"
        folder = f"{self.root}{os.sep}"
        report.unlink(missing_ok=True)
        arguments = [
            *(test.replace(FOLDER, folder) for test in tests or self.suite.tests),
            *(f"--deselect={test.replace(FOLDER, folder)}" for test in without),
            *self.suite.options,
            "-q", "--color=no", "--tb=short", "--no-showlocals", "--no-flaky-report", "-p", "no:cacheprovider",
            # pytest-asyncio warns unless it is said, and most suites make errors of warnings.
            "-o", "asyncio_default_fixture_loop_scope=function",
            # The family with the files of tests.
            "-o", "junit_family=xunit1", f"--junitxml={report}",
        ]  # fmt: skip
        script = [str(INSIDE)] if self.suite.inside else ["-m", "pytest"]
        with self.log.open("ab") as log:
            run = subprocess.run(
                [str(self.python), *script, *arguments],
                cwd=self.root, env=self._variables(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                timeout=DEADLINE, check=False,
            )  # fmt: skip
        assert run.returncode in (0, 1), f"exit status {run.returncode}:\n{self.log.read_text('utf-8')}"
        return {test.replace(folder, FOLDER): result for test, result in read(report).items()}

    def unexpected(self, expected: dict[str, Outcome]) -> dict[str, Result]:
        """The tests that do not end as `expected`: the others have to pass, and the listed ones to be there.

        The tests that are to fail run after all others, and apart from them: some leave a cell behind that still runs.
        A test that fails unexpectedly is run once more, by itself: the deadlines of these suites are often of a second
        or less, which a busy machine may take.
        """
        to_fail = [test for test, outcome in expected.items() if outcome is Outcome.FAILED]
        results = self.run(without=to_fail) | (self.run(to_fail) if to_fail else {})
        wrong = differing(results, expected)
        failed = [test for test, result in wrong.items() if result.outcome is Outcome.FAILED]
        again = self.run(failed) if failed else {}
        wrong = {test: result for test, result in wrong.items() if test not in again} | differing(again, expected)
        gone = expected.keys() - results.keys()
        return wrong | {test: Result(expected[test], "is in the table, but not in the suite") for test in gone}

    def _variables(self) -> dict[str, str]:
        """The environment variables of the run: some suites leave tests out where `CI` says that nobody watches."""
        path = f"{self.python.parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "CI": "1", "PATH": path, **self.variables}


def differing(results: dict[str, Result], expected: dict[str, Outcome]) -> dict[str, Result]:
    """The results that are not as expected."""
    return {
        test: result for test, result in results.items() if result.outcome is not expected.get(test, Outcome.PASSED)
    }


def read(report: Path) -> dict[str, Result]:
    """The results in a junit file of the family xunit1. A failure that a suite expects (`xfail`) is a pass."""
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.get("file", "")
        classes = case.get("classname", "").removeprefix(file.removesuffix(".py").replace("/", ".")).strip(".")
        test = "::".join([file, *filter(None, classes.split(".")), case.get("name", "")])
        outcome, words = Outcome.PASSED, ""
        for child in case:
            if child.tag in ("failure", "error"):
                outcome, words = Outcome.FAILED, f"{child.get('message', '')}\n{child.text or ''}"
            elif child.tag == "skipped" and child.get("type") != "pytest.xfail" and outcome is Outcome.PASSED:
                outcome, words = Outcome.SKIPPED, child.get("message", "")
        results[test] = Result(outcome, words)
    return results
