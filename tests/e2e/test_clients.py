"""The clients that people use, as processes of their own or as libraries, on each backend."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import nbclient
import nbformat
import papermill
import pexpect
import pytest

from .driver import wait_until

TIMEOUT = 60


def notebook(*cells: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])


def text(cell: nbformat.NotebookNode) -> str:
    """What a cell has printed: a line may come in two outputs."""
    assert {output.name for output in cell.outputs} == {"stdout"}
    return "".join(output.text for output in cell.outputs)


def jupyter(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a jupyter command of this interpreter's environment; its output is in the error when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "jupyter_core", *arguments], cwd=folder, timeout=TIMEOUT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_nbclient_executes_a_notebook(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    book = notebook("import anyio; x = 6", "await anyio.sleep(0.01); print('slept')", "x * 7")
    nbclient.NotebookClient(book, kernel_name=specs[backend], timeout=TIMEOUT, resources=at(tmp_path)).execute()
    assert text(book.cells[1]) == "slept\n"
    assert book.cells[2].outputs[0].data["text/plain"] == "42"
    assert [cell.execution_count for cell in book.cells] == [1, 2, 3]


def test_nbclient_stops_at_an_error(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    book = notebook("1 / 0", "print('never')")
    client = nbclient.NotebookClient(book, kernel_name=specs[backend], timeout=TIMEOUT, resources=at(tmp_path))
    with pytest.raises(nbclient.exceptions.CellExecutionError, match="ZeroDivisionError"):
        client.execute()
    assert book.cells[0].outputs[0].ename == "ZeroDivisionError"
    assert book.cells[1].outputs == []


def test_nbclient_interrupts_a_cell_that_takes_too_long(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    book = notebook("import time; time.sleep(60)", "'on'")
    client = nbclient.NotebookClient(
        book,
        kernel_name=specs[backend],
        timeout_func=lambda cell: 1 if "sleep" in cell.source else TIMEOUT,
        interrupt_on_timeout=True,
        allow_errors=True,
        resources=at(tmp_path),
    )
    client.execute()
    assert book.cells[0].outputs[-1].ename == "KeyboardInterrupt"
    assert book.cells[1].outputs[0].data["text/plain"] == "'on'"


def at(folder: Path) -> dict[str, dict[str, str]]:
    return {"metadata": {"path": str(folder)}}


# papermill itself calls datetime.utcnow and leaves sockets to the collector.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:papermill", "ignore::ResourceWarning")
def test_papermill_gives_parameters(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    book = notebook("n = 1", "print(n * 2)")
    book.cells[0].metadata["tags"] = ["parameters"]
    book.metadata["kernelspec"] = {"name": specs[backend], "display_name": "async", "language": "python"}
    nbformat.write(book, tmp_path / "in.ipynb")
    done = papermill.execute_notebook(
        str(tmp_path / "in.ipynb"),
        str(tmp_path / "out.ipynb"),
        parameters={"n": 21},
        cwd=str(tmp_path),
        progress_bar=False,
        start_timeout=TIMEOUT,
    )
    assert text(done.cells[-1]) == "42\n"


def test_jupyter_run_runs_a_file(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text("import anyio\nawait anyio.sleep(0.01)\nprint('ran on', __name__)\n")
    done = jupyter("run", f"--kernel={specs[backend]}", "script.py", folder=tmp_path)
    assert done.stdout == "ran on __main__\n"


def test_jupyter_execute_writes_outputs(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    nbformat.write(notebook("import anyio; await anyio.sleep(0.01)", "print('done')"), tmp_path / "book.ipynb")
    jupyter("execute", f"--kernel_name={specs[backend]}", "--output=executed", "book.ipynb", folder=tmp_path)
    book = nbformat.read(tmp_path / "executed.ipynb", as_version=4)
    assert text(book.cells[1]) == "done\n"


def test_jupyter_kernelspec_list_shows_the_specs(specs: Mapping[str, str], tmp_path: Path) -> None:
    listed = jupyter("kernelspec", "list", folder=tmp_path).stdout
    assert all(name in listed for name in specs.values())


CONSOLE = """import faulthandler, signal, jupyter_console.app
faulthandler.register(signal.SIGUSR1, open('stacks', 'w'))
jupyter_console.app.launch_new_instance()"""


@contextmanager
def console_in_terminal(spec: str, folder: Path) -> Iterator[pexpect.spawn[str]]:
    """jupyter_console at its third prompt. At SIGUSR1 it writes into the file `stacks` where its threads stand.

    It takes any `idle` for the end of the cell, such as that of its kernel_info_request when the first cell is typed
    before the kernel has loaded, and asks and shows nothing for the rest of that cell. A cell that takes its time has
    it read all that is left.
    """
    arguments = ["-c", CONSOLE, f"--kernel={spec}", "--simple-prompt"]
    console = pexpect.spawn(sys.executable, arguments, cwd=str(folder), timeout=TIMEOUT, encoding="utf-8", echo=False)
    try:
        console.expect_exact("In [1]: ")
        console.sendline("6 * 7")
        console.expect_exact("Out[1]: 42")
        console.expect_exact("In [2]: ")
        console.sendline("import time; time.sleep(0.5)")
        console.expect_exact("In [3]: ")
        yield console
    finally:
        console.close(force=True)


def in_a_terminal(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test as one that needs a pseudo-terminal."""
    # pexpect forks; with threads in this process CPython 3.12 warns of that.
    quiet = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
    no_terminal = sys.platform == "win32"
    return quiet(pytest.mark.skipif(no_terminal, reason="Windows has no pseudo-terminals for pexpect")(test))


@in_a_terminal
def test_jupyter_console_in_a_terminal(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    """Typed by hand: a prompt, results, top-level await, input(), and the end."""
    with console_in_terminal(specs[backend], tmp_path) as console:
        console.sendline("import anyio; await anyio.sleep(0.01); print('sle' + 'pt')")
        console.expect_exact("slept")
        console.expect_exact("In [4]: ")
        console.sendline("name = input('Who? ')")
        console.expect_exact("Who? ")
        console.sendline("Ada")
        console.expect_exact("In [5]: ")
        console.sendline("print('Hello, ' + name)")
        console.expect_exact("Hello, Ada")
        console.expect_exact("In [6]: ")
        console.sendline("exit")
        console.expect(pexpect.EOF)
        console.wait()
        assert console.exitstatus == 0


@in_a_terminal
def test_ctrl_c_in_jupyter_console(backend: str, specs: Mapping[str, str], tmp_path: Path) -> None:
    """About one in a few hundred is not sent on: the console's handler waits for a thread of the console that waits for
    a lock which the interrupted main thread holds. Such a console hangs, and another is tried."""
    for _ in range(5):
        with console_in_terminal(specs[backend], tmp_path) as console:
            console.sendline("print('i' + 'n'); time.sleep(600)")
            console.expect_exact("in\r\n")
            console.sendintr()
            if console.expect_exact(["KeyboardInterrupt", pexpect.TIMEOUT]) == 0:
                console.expect_exact("In [4]: ")
                return
            assert console.pid is not None
            os.kill(console.pid, signal.SIGUSR1)
            stacks = wait_until((tmp_path / "stacks").read_text, "where the console's threads stand")
            assert "in handle_sigint" in stacks, "the console has sent the interrupt on"
    raise AssertionError("no console sent the interrupt on")
