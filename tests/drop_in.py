"""Which faults of old a kernel has: for each, one case of a test of its kind, on each loop.

    python -m tests.drop_in [ROW ...]                      # the kernel of this checkout
    python -m tests.drop_in --python=OTHER/bin/python      # that of another environment, such as of an older version

Prints a line for each row of docs/compare/drop-in.md, "On 8e845b8", with "fails" or "passes" for each loop, and below
it the words of each failure: that a test fails says little before one has read why. ROW is the number of a row.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["LOOPS", "ROWS", "Row", "link"]

ROOT = Path(__file__).parents[1]
LOOPS = ("asyncio", "uvloop", "trio")
ANY = ("",)
WORDS = 150
"""Characters of a failure that are printed, from its beginning and from its end."""


class Row(NamedTuple):
    """A fault of old, and a case of the test of its kind: `{loop}` stands where the loop does."""

    what: str
    case: str
    loops: tuple[str, ...] = LOOPS
    """One that has no name where the loop does not matter."""


START = "command/test_start.py::test_a_"
ROWS = (
    Row(
        "A file beside the notebook has the name of a module of the kernel's",
        "e2e/test_files_beside.py::test_no_file_is_run_but_by_the_cell_that_imports_it[{loop}]",
    ),
    Row("`-f PATH` without a file", f"{START}connection_file_is_written_where_none_is", ANY),
    Row("A torn literal, typed", f"{START}mistake_of_the_person_who_types_ends_the_start[mine.json-torn literal]", ANY),
    Row(
        "A setting of IPython's in a spec",
        f"{START}kernel_started_by_jupyter_from_a_spec[options5-print(get_ipython().Completer.use_jedi)-False]",
        ANY,
    ),
    Row(
        "`list` with a backend that is missing",
        "command/test_command_line.py::test_list_knows_what_is_missing"
        '[this Python---backend=trio-The backend trio is not installed-pip install "trio"]',
        ANY,
    ),
    Row(
        "An interrupt of a cell that waits for its workers",
        "e2e/test_child_processes.py::test_the_processes_of_a_cell[{loop}-executor-main-message]",
    ),
    Row(
        "An interrupt of `os.system`",
        "e2e/test_child_processes.py::test_the_processes_of_a_cell[{loop}-os.system-main-message]",
    ),
    Row(
        "An interrupt at the prompt of `breakpoint()`",
        "e2e/test_stdin.py::test_an_interrupt_at_the_prompt_of_a_console_ends_the_cell[{loop}-breakpoint]",
    ),
    Row(
        "SIGTERM while a cell runs",
        "e2e/test_shutdown.py::test_a_cell_that_sigterm_has_cut_short_is_not_ok[{loop}]",
    ),
    Row(
        "A pool of threads that lives on prints",
        "e2e/test_output_late.py::test_what_works_for_others_speaks_in_their_cells[{loop}-ThreadPool]",
    ),
    Row(
        "joblib's workers print",
        "e2e/test_output_late.py::test_what_works_for_others_speaks_in_their_cells[{loop}-joblib]",
    ),
    Row(
        "Output is sent to the cell that is named",
        "e2e/test_parents.py::test_output_goes_to_the_cell_that_is_named[{loop}-False-the stream's header]",
    ),
    Row(
        "Libraries recognise a notebook",
        "e2e/test_namesakes.py::test_libraries_know_the_notebook[{loop}-without ipykernel]",
    ),
    Row("faulthandler tells of a crash", "e2e/test_faults.py::test_a_crash_is_told_in_the_log[{loop}-none]"),
    Row("`%notebook` keeps printed output", "e2e/test_output.py::test_notebook_exports_what_cells_have_shown[{loop}]"),
    Row(
        "`Out` is numbered behind a nested cell",
        "e2e/test_output.py::test_results_stand_under_the_numbers_of_their_inputs[{loop}]",
    ),
    Row(
        "numba caches functions of cells",
        "e2e/test_cell_files.py::test_what_a_library_keeps_of_a_cell_is_found_after_a_restart[{loop}-numba]",
    ),
    Row(
        "joblib remembers results of cells",
        "e2e/test_cell_files.py::test_what_a_library_keeps_of_a_cell_is_found_after_a_restart[{loop}-joblib]",
    ),
    Row(
        "`%lprun` shows the source",
        "e2e/test_cell_files.py::test_line_profiler_shows_the_source_of_a_cell[{loop}]",
    ),
    Row(
        "A breakpoint behind empty lines",
        "e2e/test_debugger.py::test_lines_are_those_that_the_front_end_shows[{loop}-empty lines first]",
    ),
    Row(
        "`%autoawait` of the other library",
        "e2e/test_loops_in_cells.py::test_a_cell_that_runs_on_another_library_is_interrupted[{loop}]",
    ),
    Row("Replies say when their cell began", "e2e/test_execute.py::test_a_reply_says_when_its_cell_began[{loop}]"),
    Row("`usage_request`", "e2e/test_requests.py::test_usage_is_measured_while_a_cell_runs[{loop}]"),
    Row(
        "`input()` where none is allowed",
        "e2e/test_stdin.py::test_a_refusal_is_the_error_that_code_for_ipython_catches"
        "[{loop}-input()-StdinNotImplementedError]",
    ),
    Row("`\\x04` is the end of input", "e2e/test_stdin.py::test_the_end_of_input_is_an_eof_error[{loop}-input]"),
    Row("`exit`", "e2e/test_shutdown.py::test_exit_ends_the_kernel_behind_the_cells_that_are_queued[{loop}]"),
    Row(
        "bokeh pushes without ipykernel",
        "e2e/test_namesakes.py::test_bokeh_pushes[{loop}-without ipykernel]",
    ),
    Row(
        "Widgets live on behind `import ipykernel.kernelapp`",
        "e2e/test_namesakes.py::test_what_is_imported_works_or_says_what_to_use_and_widgets_live_on"
        "[{loop}-beside ipykernel-ipykernel.kernelapp]",
    ),
    Row("`get_ipython().kernel` completes", "e2e/test_kernel_object.py::test_it_answers[{loop}-a completion]"),
    Row("`get_ipython().kernel.session.key`", "e2e/test_kernel_object.py::test_it_answers[{loop}-the key]"),
    Row(
        "`get_ipython().kernel.io_loop`",
        "e2e/test_kernel_object.py::test_its_loop_calls_a_function_when_the_cell_has_ended[{loop}]",
    ),
    Row(
        "A wrapped `run_cell` runs the cells",
        "e2e/test_kernel_object.py::test_a_wrapped_run_cell_runs_the_cells[{loop}]",
    ),
    Row("A welcome has a parent", "e2e/test_wire.py::test_a_new_subscriber_is_welcomed_with_its_topic[{loop}]"),
    Row(
        "kernel_gateway's notebook-http",
        "clients/test_gateway.py::test_cells_answer_requests[{loop}-0]",
        ("asyncio", "trio"),
    ),
    Row(
        "Playwright's synchronous API",
        "browser/test_synchronous_api.py::test_it_works_in_cells_and_the_kernels_loop_goes_on[{loop}]",
    ),
    Row(
        "pytest in a cell",
        "e2e/test_loops_in_cells.py::test_pytest_in_a_cell_takes_what_the_kernel_has_imported_as_it_is[{loop}]",
    ),
    Row(
        "An unknown target leaves the log empty",
        "e2e/test_comms.py::test_opening_an_unknown_target_is_answered_by_closing[{loop}]",
    ),
    Row(
        "A cell replaces `os.getpid`",
        "e2e/test_replaced_functions.py::test_its_own_children_are_ended_and_no_others[{loop}-os.getpid]",
    ),
    Row(
        "joblib's processes behind the kernel's end",
        "e2e/test_shutdown.py::test_what_waits_for_the_end_of_the_kernel_ends[{loop}-joblib]",
    ),
)


def link(row: Row) -> str:
    """The test of a row, as the page names it."""
    file, name = row.case.partition("[")[0].split("::")
    return f"[{name}](../../tests/{file})"


def main() -> int:
    """Run the rows, and print what came of each."""
    parser = argparse.ArgumentParser(prog="python -m tests.drop_in", description="Which faults of old a kernel has.")
    parser.add_argument("rows", nargs="*", type=int, metavar="ROW", help="the numbers of rows, from 1; by default all")
    parser.add_argument("--python", default=sys.executable, metavar="PATH", help="the interpreter of the kernel")
    asked = parser.parse_args()
    for number in asked.rows or range(1, 1 + len(ROWS)):
        row = ROWS[number - 1]
        failures = run(row, asked.python)
        said = ["fails" if failures[loop] else "passes" for loop in row.loops]
        print(f"{number}. | {row.what} | {link(row)} | {' | '.join(said)} |", flush=True)
        for loop, words in failures.items():
            if words:
                print(f"    {loop or 'any loop'}: {words}", flush=True)
    return 0


def run(row: Row, python: str) -> dict[str, str]:
    """What a row's test says on each loop, each in a process of its own: nothing where it passes."""
    said = {}
    for loop in row.loops:
        case = f"tests/{row.case.replace('{loop}', loop)}"
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.xml")
            command = [sys.executable, "-m", "pytest", case, f"--python={python}", f"--junit-xml={report}", "-q"]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            if done.returncode not in (0, 1):  # such as a case that is not there
                raise SystemExit(f"{case}: {done.stdout}{done.stderr}")
            said[loop] = "; ".join(_failures(report))
    return said


def _failures(report: Path) -> Iterator[str]:
    for failure in ElementTree.parse(report).iterfind("testsuite/testcase/*[@message]"):
        words = " ".join(re.sub(r"#x1B\[[\d;]*m", "", failure.get("message", "")).split())
        yield words if len(words) < 2 * WORDS else f"{words[:WORDS]} … {words[-WORDS:]}"


if __name__ == "__main__":
    sys.exit(main())
