"""euporie: a console in a pseudo-terminal, and a notebook printed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
import pexpect
import pytest

from .conftest import DEADLINE, Run

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(600),  # the first test makes the environment
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals for pexpect"),
    # pexpect forks; with threads in this process CPython 3.12 warns of that.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_euporie_console(specs: Mapping[str, str], environment: Mapping[str, str], tmp_path: Path) -> None:
    """What is typed does not contain what is waited for: the console draws both.

    It draws the field for an answer to `input()` before that takes keys, so that no test can know when to type it.
    """
    program = shutil.which("euporie-console", path=environment["PATH"])
    assert program
    console: pexpect.spawn[str] = pexpect.spawn(
        program,
        [f"--kernel-name={specs['asyncio']}", "--color-depth=1", "--no-autocomplete", "--autosuggest=none"],
        cwd=str(tmp_path),
        env={**os.environ, **environment, "TERM": "xterm"},
        encoding="utf-8",
        timeout=DEADLINE,
        dimensions=(40, 100),
    )
    try:
        console.expect_exact("In [1]: ")
        # It asks the terminal where the cursor stands, has no answer from this one, and draws all anew.
        console.expect_exact("doesn't support cursor position requests")
        console.expect_exact("In [1]: ")
        console.send("6 * 7\r")
        console.expect_exact("42")
        console.expect_exact("In [2]: ")
        console.send("import asyncio; await asyncio.sleep(0.01); print('sle' + 'pt')\r")
        console.expect_exact("slept")
        console.expect_exact("In [3]: ")
        console.send("print('wor' + 'king'); import time; time.sleep(600)\r")
        console.expect_exact("working")
        console.expect_exact("In [*]: ")
        console.sendintr()
        seen: set[str] = set()
        while len(seen) < 2:  # the prompt comes with the reply, which may be read before the error
            awaited = sorted({"KeyboardInterrupt", "In [4]: "} - seen)
            seen.add(awaited[console.expect_exact(awaited)])
        console.sendeof()
        console.expect(pexpect.EOF)
        console.wait()
        assert console.exitstatus == 0
    finally:
        console.close(force=True)


def test_euporie_preview_runs_a_notebook(specs: Mapping[str, str], run: Run, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("print('pri' + 'nted')"), nbformat.v4.new_code_cell("1 / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "book.ipynb")
    done = run("euporie-preview", "--run", f"--kernel-name={specs['asyncio']}", "--color-depth=1", "book.ipynb")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stdout)
    assert "printed" in shown
    assert "ZeroDivisionError: division by zero" in shown
