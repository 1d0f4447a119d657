"""The history file while another program holds it: cells run on, their input is saved, and it stays where it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .driver import KernelDriver, wait_until

StartKernel = Callable[..., KernelDriver]


def stored(path: Path) -> list[str]:
    """The inputs in the file."""
    with closing(sqlite3.connect(path)) as reader:
        return [row[0] for row in reader.execute("SELECT source_raw FROM history ORDER BY session, line")]


@pytest.mark.parametrize("since", ["the start", "a cell"])
def test_a_locked_history_costs_no_input_and_holds_up_no_cell(
    start_kernel: StartKernel, backend: str, tmp_path: Path, since: str
) -> None:
    path = tmp_path / "history.sqlite"
    earlier = start_kernel(backend, arguments=[f"--history.hist_file={path}"])
    earlier.execute("'earlier'").ok()
    earlier.close()
    assert "'earlier'" in stored(path)
    count = len(stored(path))

    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        if since == "the start":
            other.execute("BEGIN EXCLUSIVE")
        kernel = start_kernel(backend, arguments=[f"--history.hist_file={path}"])
        kernel.expects_stderr = True  # it says so once
        if since == "a cell":
            other.execute("BEGIN EXCLUSIVE")
        cells = [f"'cell {number}'" for number in range(10)]
        for code in cells[:5]:
            kernel.execute(code).ok()
        wait_until(lambda: "locked" in kernel.stderr(), "the kernel to have tried")
        for code in cells[5:]:
            kernel.execute(code).ok()
        other.execute("ROLLBACK")
    wait_until(lambda: all(code in stored(path) for code in cells), "the inputs in the file")
    assert stored(path)[:count].count("'earlier'") == 1
    assert not list(tmp_path.glob("*corrupt*"))
    tail = kernel.request("history_request", {"hist_access_type": "tail", "n": 3, "raw": True, "output": False})
    assert [entry[2] for entry in tail["content"]["history"]] == cells[-3:]
