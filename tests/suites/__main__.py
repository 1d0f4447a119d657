"""Runs suites by hand, or writes the page.

python -m tests.suites nbclient                 # under this kernel, on asyncio; pytest's output as it comes
python -m tests.suites nbclient --backend=trio
python -m tests.suites nbclient --ipykernel     # the same tests under ipykernel
python -m tests.suites nbclient -- tests/test_client.py::test_x
python -m tests.suites --page                   # write docs/compare/suites.md and docs/moving-from-ipykernel.md
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from ..environments import make
from ..libraries import page as moving
from .differences import BACKENDS, Outcome
from .page import PAGE, page
from .run import prepare
from .table import SUITES


def main() -> int:
    """Do as argv says; 0 if every test passed or was skipped."""
    parser = argparse.ArgumentParser(prog="python -m tests.suites", description="Suites of other projects.")
    parser.add_argument("suite", choices=list(SUITES), nargs="?")
    parser.add_argument("tests", nargs="*", help="ids of tests, after --")
    parser.add_argument("--backend", choices=BACKENDS, default="asyncio")
    parser.add_argument("--ipykernel", action="store_true", help="run them under ipykernel instead")
    parser.add_argument("--page", action="store_true", help="write the two pages of docs/")
    asked = parser.parse_intermixed_args()
    if asked.page:
        PAGE.write_text(page(), encoding="utf-8")
        moving.PAGE.write_text(moving.page(), encoding="utf-8")  # it has rows of the tables of suites
        return 0
    with tempfile.TemporaryDirectory() as folder:
        python = make("suites", os.environ)
        run = prepare(SUITES[asked.suite], "" if asked.ipykernel else asked.backend, python, Path(folder), os.environ)
        run.log = Path("/dev/stdout")
        results = run.run(asked.tests)
    return int(any(result.outcome is Outcome.FAILED for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
