"""Whose output is whose: threads, pools, C code and children speak in the cell that started them."""

from __future__ import annotations

import sys

import pytest

from .conftest import StartKernel
from .driver import KernelDriver

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are captured on POSIX systems")


def test_c_code_children_and_print_keep_their_order(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "import os, subprocess, sys\nfor n in range(5):\n    print('python', n)\n    os.write(1, b'os\\n')\n"
        "    subprocess.run(['echo', 'child'])\n    print('old', file=sys.__stdout__)\n"
    ).ok()
    assert cell.text() == "".join(f"python {n}\nos\nchild\nold\n" for n in range(5))


def test_c_stdout_is_flushed_at_the_end_of_a_cell(kernel: KernelDriver) -> None:
    cell = kernel.execute("import ctypes\nctypes.CDLL(None).printf(b'half a line')\nNone").ok()
    assert cell.text() == "half a line"


def test_all_that_a_child_wrote_comes_before_idle(kernel: KernelDriver) -> None:
    cell = kernel.execute("import subprocess\n_ = subprocess.run(['seq', '1', '200000'])").ok()
    assert cell.text() == "".join(f"{n}\n" for n in range(1, 200_001))


def test_more_than_the_pipe_holds_is_written_at_once(kernel: KernelDriver) -> None:
    cell = kernel.execute("import os\nleft = b'x' * 5_000_000\nwhile left: left = left[os.write(1, left):]").ok()
    assert len(cell.text()) == 5_000_000


def test_a_pool_speaks_in_the_cell_that_submits(kernel: KernelDriver) -> None:
    kernel.execute("from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)").ok()
    for word in ("one", "two"):
        assert kernel.execute(f"_ = pool.submit(print, {word!r}).result()").ok().text() == f"{word}\n"


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("1 / 0", 1, "ZeroDivisionError"),
        ("input()", 1, "A forked child asked for input."),
    ],
)
def test_a_forked_child_writes_what_it_shows_and_ends_with_its_cell(
    kernel: KernelDriver, ending: str, status: int, said: str
) -> None:
    code = (
        "import os, warnings\nwarnings.simplefilter('ignore')\nchild = os.fork()\n"
        f"if child == 0:\n    print('printed')\n    display('shown')\n    {ending}\n"
        "else:\n    print('exit', os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    cell = kernel.execute(code, allow_stdin=True).ok()
    assert cell.text() == f"printed\n'shown'\nexit {status}\n"
    assert said in cell.text("stderr")
    assert kernel.execute("6 * 7").ok().result == "42"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import pexpect\nprint(pexpect.spawn('echo said').read())", "b'said\\r\\n'\n"),
        (
            "import os, pty\nchild, terminal = pty.fork()\nif child == 0:\n    os.execlp('echo', 'echo', 'said')\n"
            "print(os.read(terminal, 99))\nos.waitpid(child, 0)\nos.close(terminal)",
            "b'said\\r\\n'\n",
        ),
        ("!test -t 0 && test -t 1 && test -t 2 && echo all", "all\r\n"),
        ("!echo said 1>&2", "said\r\n"),
        ("%%capture kept\n!echo said\n", ""),
        ("print(repr(kept.stdout))", "'said\\r\\n'\n"),
    ],
)
def test_a_program_in_a_terminal_of_its_own_writes_there(kernel: KernelDriver, code: str, said: str) -> None:
    cell = kernel.execute(code).ok()
    assert (cell.text(), cell.text("stderr")) == (said, "")


def test_a_redirection_outlives_its_cell(start_kernel: StartKernel) -> None:
    kernel = start_kernel()
    kernel.execute("import os\nkept, file = os.dup(1), os.open('out', os.O_RDWR | os.O_CREAT)\nos.dup2(file, 1);").ok()
    assert kernel.execute("os.system('echo to the file');").ok().text() == ""
    kernel.execute("os.dup2(kept, 1);").ok()
    assert kernel.execute("os.system('echo to the cell');").ok().text() == "to the cell\n"
    assert (kernel.folder / "out").read_text() == "to the file\n"


def test_a_cell_that_closes_the_descriptors_does_not_silence_the_next(start_kernel: StartKernel) -> None:
    kernel = start_kernel(arguments=["--history.hist_file=:memory:"])  # which else may open a file under these numbers
    for _ in range(2):
        kernel.execute("import os\nos.close(1)\nos.close(2)").ok()
        cell = kernel.execute("print('python')\nos.write(1, b'os\\n')\nos.system('echo child; echo err >&2')").ok()
        assert cell.text() == "python\nos\nchild\n"
        assert cell.text("stderr") == "err\n"


def test_it_can_be_switched_off(start_kernel: StartKernel) -> None:
    kernel = start_kernel(arguments=["--no-capture_fd"])
    kernel.expects_stderr = True
    assert kernel.execute("import os; os.write(1, b'to the log\\n');").ok().text() == ""
    assert "to the log" in kernel.stderr()
