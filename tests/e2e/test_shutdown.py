"""How a kernel ends: asked, told by a signal, orphaned; idle or busy; and what it cleans up on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from .driver import DEADLINE, KernelDriver, is_idle, wait_until

StartKernel = Callable[..., KernelDriver]

AT_EXIT = "import atexit, pathlib; atexit.register(pathlib.Path('gone').write_text, 'atexit ran')"


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("channel", ["control", "shell"])
def test_shutdown_is_replied_to_where_it_was_asked(
    start_kernel: StartKernel, backend: str, channel: str, restart: bool
) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    asked = kernel.send("shutdown_request", {"restart": restart}, channel=channel)
    reply = kernel.reply(asked, channel=channel)
    assert reply["msg_type"] == "shutdown_reply"
    assert reply["content"] == {"status": "ok", "restart": restart}
    assert is_idle(kernel.published(asked)[-1])
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


BUSY = {
    "time.sleep": "import time; print('in'); time.sleep(60)",
    "while True": "print('in')\nwhile True: pass",
    "await sleep": "import {library}; print('in'); await {library}.sleep(60)",
    "a task": "import {library}; print('in')\nasync def forever():\n    while True: await {library}.sleep(0.01)\n"
    "await forever()",
}


@pytest.mark.parametrize("shape", list(BUSY))
def test_a_busy_kernel_shuts_down_and_runs_what_is_to_run_at_exit(
    start_kernel: StartKernel, backend: str, shape: str
) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    kernel.start_until_printed(BUSY[shape].format(library=kernel.library), "in")
    asked = kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.reply(asked, channel="control")["content"]["status"] == "ok"
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
def test_sigterm_is_a_clean_shutdown(start_kernel: StartKernel, backend: str, busy: bool) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    if busy:
        kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in")
    kernel.send_signal(signal.SIGTERM)
    assert kernel.wait_exit() in {0, 128 + signal.SIGTERM, -signal.SIGTERM}
    assert (kernel.folder / "gone").read_text() == "atexit ran"


def test_a_restart_gives_a_fresh_kernel_at_the_same_address(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute("old = 1; import os; print(os.getpid())").ok()
    before = kernel.process.pid
    kernel.restart()
    cell = kernel.execute("'old' in globals()").ok()
    assert cell.result == "False"
    assert cell.reply["execution_count"] == 1
    assert kernel.value("__import__('os').getpid()") != before


def test_tasks_that_cells_left_behind_are_cancelled_at_shutdown(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    work = (
        f"import pathlib, {kernel.library}\nasync def work():\n    try:\n        await {kernel.library}.sleep(60)\n"
        "    finally:\n        pathlib.Path('finally').write_text('ran')\n"
    )
    begin = {
        "asyncio": "task = asyncio.create_task(work()); await asyncio.sleep(0)",
        "trio": "manager = trio.open_nursery(); nursery = await manager.__aenter__(); nursery.start_soon(work)\n"
        "await trio.lowlevel.checkpoint()",
    }[kernel.library]
    kernel.execute(work + begin).ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "finally").read_text() == "ran"


PARENT = """
import os, sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1])
with open("stderr.txt", "wb") as log:
    manager.start_kernel(stdout=log, stderr=log)
print(manager.provisioner.process.pid, manager.connection_file, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the parent is killed by SIGKILL")
@pytest.mark.parametrize("code", [None, "print('in')\nwhile True: pass", "import time; print('in'); time.sleep(60)"])
def test_a_kernel_is_gone_within_2_s_of_its_parent(
    backend: str, specs: Mapping[str, str], tmp_path: Path, code: str | None
) -> None:
    command = [sys.executable, "-c", PARENT, specs[backend]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        try:
            assert parent.stdout is not None
            pid, connection_file = parent.stdout.readline().split()
            kernel = psutil.Process(int(pid))
            run_detached(connection_file, code)
            parent.kill()
            parent.wait(DEADLINE)
            wait_until(lambda: is_gone(kernel), "the kernel's end after its parent's", seconds=2)
        finally:
            parent.kill()
            if not is_gone(kernel):
                kernel.kill()
            Path(connection_file).unlink(missing_ok=True)


def run_detached(connection_file: str, code: str | None) -> None:
    """Connect to a kernel, see that it answers and, given code, that it is busy with it."""
    client = BlockingKernelClient(connection_file=connection_file)
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=DEADLINE)
        if code:
            client.execute(code)
            while client.get_iopub_msg(timeout=DEADLINE)["msg_type"] != "stream":
                pass
    finally:
        client.stop_channels()
        client.context.term()


def is_gone(process: psutil.Process) -> bool:
    """Whether the process has ended; one that nobody has waited for has ended too."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_connection_file_that_the_kernel_writes_is_for_its_owner_only(home: Path, tmp_path: Path, peer: str) -> None:
    if peer:
        pytest.skip("the command line is ours")
    runtime = home / "runtime"
    known = set(runtime.glob("*.json"))
    command = [sys.executable, "-m", "async_kernel", "-f", "."]
    with subprocess.Popen(
        command, cwd=tmp_path, umask=0, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            file = wait_until(lambda: find_whole(runtime, known), "the connection file")
            assert file.stat().st_mode & 0o777 == 0o600
            run_detached(str(file), None)
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE)
            assert not file.exists()
        finally:
            process.kill()


def find_whole(runtime: Path, known: set[Path]) -> Path | None:
    """The new connection file, once it can be read."""
    for path in {*runtime.glob("*.json")} - known:
        try:
            if json.loads(path.read_text()).get("shell_port"):
                return path
        except (OSError, ValueError):
            pass
    return None


def test_a_child_process_of_a_cell_does_not_keep_the_kernel_from_ending(
    start_kernel: StartKernel, backend: str
) -> None:
    kernel = start_kernel(backend)
    cell = kernel.execute("import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid)").ok()
    child = int(cell.text())
    try:
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() == 0
    finally:
        if psutil.pid_exists(child):
            os.kill(child, signal.SIGKILL)


def test_what_was_printed_before_the_end_arrives(start_kernel: StartKernel, backend: str, tmp_path: Path) -> None:
    kernel = start_kernel(backend)
    # The shutdown interrupts the cell: it is asked for when the last line has been printed, from where nothing waits.
    marker = tmp_path / "printed"
    code = f"for n in range(2000): print('line', n)\nopen({str(marker)!r}, 'w').close()\nimport time; time.sleep(60)"
    last = kernel.start(code)
    wait_until(marker.exists, "the cell to have printed")
    asked = kernel.send("shutdown_request", {"restart": False}, channel="shell")
    cell = kernel.finish(last)
    assert cell.text().splitlines() == [f"line {n}" for n in range(2000)]
    assert is_idle(cell.published[-1])
    kernel.reply(asked)
    assert kernel.wait_exit() == 0
