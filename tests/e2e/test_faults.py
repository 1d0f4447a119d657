"""faulthandler in cells: what it writes when the process dies or hangs goes to the log of the process."""

from __future__ import annotations

import signal
import sys

import pytest

from .conftest import StartKernel
from .driver import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are captured on POSIX systems")

FILES = {
    "none": "",
    "sys.stderr": "file=sys.stderr",
    "sys.__stderr__": "file=sys.__stderr__",
    "number": "file=2",
    "duplicate": "file=os.dup(2)",  # as pytest's plugin does, and ipytest with it
    "stdout": "file=sys.stdout",
}


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_a_crash_is_told_in_the_log(start_kernel: StartKernel, backend: str, file: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute(f"import faulthandler, os, sys\nfaulthandler.enable({file})").ok()
    kernel.start("os.abort()")
    assert kernel.wait_exit() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in kernel.stderr()


def test_positional_arguments_are_understood(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute("import faulthandler, sys\nfaulthandler.enable(sys.stderr, False)").ok()
    kernel.start("__import__('os').abort()")
    assert kernel.wait_exit() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in kernel.stderr()


@pytest.mark.parametrize("arguments", ["", ", sys.stderr", ", file=sys.__stderr__, all_threads=False"])
def test_a_registered_signal_dumps_into_the_log(start_kernel: StartKernel, backend: str, arguments: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    cell = kernel.execute(
        f"import faulthandler, signal, sys\nfaulthandler.register(signal.SIGUSR2{arguments})\n"
        "def here(): signal.raise_signal(signal.SIGUSR2)\nhere()"
    ).ok()
    assert (cell.text(), cell.text("stderr")) == ("", "")
    wait_until(lambda: "in here" in kernel.stderr(), "the dump in the log")


def test_a_dump_that_comes_later_goes_to_the_log(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    hold, let_go = kernel.gate()
    cell = kernel.start(f"import faulthandler\nfaulthandler.dump_traceback_later(0.01)\n{hold}")
    wait_until(lambda: "Timeout (0:00:00" in kernel.stderr(), "the dump in the log")
    let_go()
    assert kernel.finish(cell).ok().text("stderr") == ""


def test_a_dump_that_ends_the_process_is_read(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.start(
        "import faulthandler, sys, time\nfaulthandler.dump_traceback_later(0.01, False, sys.stderr, True)\n"
        "time.sleep(60)"
    )
    assert kernel.wait_exit() == 1
    assert "Timeout (0:00:00" in kernel.stderr()


def test_a_dump_at_once_goes_to_the_cell(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    cell = kernel.execute("import faulthandler\nfaulthandler.dump_traceback(all_threads=False)").ok()
    assert "most recent call first" in cell.text("stderr")


def test_a_file_of_the_users_is_left_alone(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute("import faulthandler\nfaulthandler.enable(open('crash', 'w'))").ok()
    kernel.start("__import__('os').abort()")
    assert kernel.wait_exit() == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in (kernel.folder / "crash").read_text()
