"""How a kernel ends: asked, told by a signal, orphaned; idle or busy; and what it cleans up on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from .driver import DEADLINE, KernelDriver, is_idle, wait_until
from .test_startup import GATE, customised

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


def test_exit_ends_the_kernel_behind_the_cells_that_are_queued(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    cell = kernel.start("exit")
    after = kernel.start("import time; time.sleep(1.5); 6 * 7")  # for longer than it has to be quiet
    assert kernel.finish(cell).ok().reply["payload"] == [{"source": "ask_exit", "keepkernel": False}]
    assert kernel.finish(after).ok().result == "42"
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


ENDS = {
    "a thread": "import threading; threading.Thread(target=exit).start()",
    "do_shutdown": "get_ipython().kernel.do_shutdown(True)",
    "the application": "import IPython; IPython.Application.instance().kernel.do_shutdown(restart=False)",
}


@pytest.mark.parametrize("asks", list(ENDS))
def test_a_cell_ends_its_kernel(start_kernel: StartKernel, asks: str) -> None:  # as `exit` does, which has all backends
    kernel = start_kernel("asyncio")
    kernel.execute(ENDS[asks]).ok()
    assert kernel.wait_exit() == 0


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to catch")
@pytest.mark.parametrize(
    ("name", "busy"), [("SIGTERM", False), ("SIGTERM", True), ("SIGHUP", True)], ids=["idle", "busy", "SIGHUP"]
)
def test_a_signal_that_asks_for_the_end_is_a_clean_shutdown(
    start_kernel: StartKernel, backend: str, name: str, busy: bool
) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    if busy:
        kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in")
    kernel.send_signal(signal.Signals[name])
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_a_cell_that_sigterm_has_cut_short_is_not_ok(start_kernel: StartKernel, backend: str) -> None:
    """It takes the interrupt in, and comes to its end."""
    kernel = start_kernel(backend)
    code = "try: print('in'); await lib.sleep(60)\nexcept BaseException: print('out')"
    running = kernel.start_until_printed(f"import {kernel.library} as lib\n{code}", "in")
    kernel.send_signal(signal.SIGTERM)
    cell = kernel.finish(running)
    assert (cell.status, cell.reply["ename"], cell.text()) == ("error", "KeyboardInterrupt", "out\n")
    assert [shown["ename"] for shown in cell.contents("error")] == ["KeyboardInterrupt"]
    assert kernel.wait_exit() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_nor_is_one_that_has_sent_it_with_its_last_statement(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    cell = kernel.execute("import os, signal\nos.kill(os.getpid(), signal.SIGTERM)")
    assert (cell.status, cell.reply["ename"]) == ("error", "KeyboardInterrupt")
    assert kernel.wait_exit() == 0


HOLDS = """
import gc, os, pathlib, signal, time
from async_kernel.kernel.detached import Detached
from async_kernel.kernel.prompts import Prompts
found = {type(one): one for one in gc.get_objects() if type(one) in (Detached, Prompts)}
print('in')
while not pathlib.Path('queued').exists(): time.sleep(0.01)
with found[Detached]._lock, found[Prompts]._lock: os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_is_heard_while_the_main_thread_holds_locks_of_the_kernel(
    start_kernel: StartKernel, backend: str
) -> None:
    """A handler runs between any two bytecodes; the end of the queued cell needs one of these locks."""
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    cell = kernel.start_until_printed(HOLDS, "in")
    detached = kernel.send("execute_request", {"code": "1"}, metadata={"detach": True})
    kernel.reply(detached)
    (kernel.folder / "queued").touch()
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    assert kernel.published(detached)[-2]["content"]["ename"] == "Aborted"
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


SLOW_SUBSHELLS = """
import gc, time
from async_kernel.kernel.kernel import Kernel
def ids(): print('asked'); time.sleep(60)
(kernel,) = [one for one in gc.get_objects() if type(one) is Kernel]
kernel.shells.subshells.ids = ids
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_is_heard_while_the_control_thread_is_busy(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT + SLOW_SUBSHELLS).ok()
    cell = kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in")
    kernel.wait_printed(kernel.send("list_subshell_request", channel="control"), "asked")
    kernel.send_signal(signal.SIGTERM)
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_before_the_interpreter_is_loaded_is_a_clean_shutdown(
    start_kernel: StartKernel, backend: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    env = customised(gate, GATE.format(gated=("IPython", "traitlets"), folder=str(gate)))
    kernel = start_kernel(backend, ready=False, env=env)
    try:
        wait_until((gate / "asked").exists, "the import of the interpreter")
        queued = kernel.start("1")
        # What was sent before it has arrived. What is published for it may have come before the subscription.
        kernel.reply(kernel.send("connect_request"))
        kernel.send_signal(signal.SIGTERM)
        assert kernel.reply(queued)["content"]["status"] == "aborted"
    finally:
        (gate / "open").touch()
    assert kernel.wait_exit() == 0
    assert (gate / "asked").read_text() == "IPython\n", "nobody needs any more what comes next"


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


HOLDS_GIL = (
    "import ctypes, sys, time\nc = ctypes.PyDLL(None); print('in', flush=True); time.sleep(0.1)\n"
    "sys.setswitchinterval(60); c.creat(b'held', 0o600); c.sleep(300)"
)
"""The short sleep lets the word go out; then no other thread gets the GIL any more."""

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
@pytest.mark.parametrize(
    "code",
    [
        None,
        "print('in')\nwhile True: pass",
        "import time; print('in'); time.sleep(60)",
        "import subprocess; subprocess.Popen(['sleep', '300']); print('in')",
        f"{HOLDS_GIL}",
        f"import subprocess; subprocess.Popen(['sleep', '300'])\n{HOLDS_GIL}",
        "import atexit, ctypes, subprocess; subprocess.Popen(['sleep', '300'])\n"
        "atexit.register(ctypes.PyDLL(None).sleep, 300); print('in')",
    ],
    ids=[
        "idle",
        "computing",
        "sleeping",
        "with a child",
        "C code holds the GIL",
        "C code holds the GIL, with a child",
        "C code holds the GIL at exit",
    ],
)
def test_a_kernel_goes_after_its_parent(
    backend: str, specs: Mapping[str, str], tmp_path: Path, code: str | None
) -> None:
    command = [sys.executable, "-c", PARENT, specs[backend]]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as parent:
        try:
            assert parent.stdout is not None
            pid, connection_file = parent.stdout.readline().split()
            kernel = psutil.Process(int(pid))
            family = [kernel]
            run_detached(connection_file, code)
            family = [kernel, *kernel.children(recursive=True)]
            assert len(family) == (2 if code and "Popen" in code else 1)
            if code and "held" in code:
                wait_until((tmp_path / "held").exists, "the C call")
            parent.kill()
            parent.wait(DEADLINE)
            wait_until(lambda: all(map(is_gone, family)), "the kernel's end after its parent's")
        finally:
            parent.kill()
            for process in family:
                if not is_gone(process):
                    process.kill()
            Path(connection_file).unlink(missing_ok=True)


def run_detached(connection_file: str, code: str | None) -> None:
    """Connect to a kernel, see that it answers and, given code, that it is busy with it."""
    client = BlockingKernelClient(connection_file=connection_file)
    client.load_connection_file()
    client.start_channels(hb=False)  # by its heart a kernel that takes a second to start counts as dead
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


@contextmanager
def typed_kernel(home: Path, folder: Path, **options: Any) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A kernel that writes its connection file, as one that a person starts, and the file."""
    runtime = home / "runtime"
    known = set(runtime.glob("*.json"))
    with subprocess.Popen(
        [sys.executable, "-m", "async_kernel", "-f", "."],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **options,
    ) as process:
        try:
            file = wait_until(lambda: find_whole(runtime, known), "the connection file")
            run_detached(str(file), None)
            yield process, file
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_connection_file_that_the_kernel_writes_is_for_its_owner_only(home: Path, tmp_path: Path, peer: str) -> None:
    if peer:
        pytest.skip("the command line is ours")
    with typed_kernel(home, tmp_path, umask=0) as (process, file):
        assert file.stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
        assert not file.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: signals that kill, and locks of files")
def test_the_connection_file_of_a_kernel_that_was_killed_goes(home: Path, tmp_path: Path, peer: str) -> None:
    """By its guardian; where it has none, by the next kernel. That of one that runs stays."""
    if peer:
        pytest.skip("the command line is ours")
    with typed_kernel(home, tmp_path) as (_, stays), typed_kernel(home, tmp_path) as (process, left):
        process.send_signal(signal.SIGKILL)
        process.wait(DEADLINE)
        with typed_kernel(home, tmp_path, start_new_session=True) as (guarded, file):
            assert (stays.exists(), left.exists()) == (True, False)
            guarded.send_signal(signal.SIGQUIT)
            wait_until(lambda: not file.exists(), "the guardian to remove the file")


def find_whole(runtime: Path, known: set[Path]) -> Path | None:
    """The new connection file, once it can be read."""
    for path in {*runtime.glob("*.json")} - known:
        try:
            if json.loads(path.read_text()).get("shell_port"):
                return path
        except (OSError, ValueError):
            pass
    return None


CHILDREN = {
    "Popen": "import subprocess; print(subprocess.Popen(['sleep', '300']).pid)",
    "a shell in the background": "import os; os.system('sleep 300 & echo $!')",
    "a worker": "import multiprocessing, time\n"
    "worker = multiprocessing.get_context('fork').Process(target=time.sleep, args=[300])\n"
    "worker.start(); print(worker.pid)",
    "one that ignores SIGTERM": "import subprocess\n"
    "print(subprocess.Popen('trap \"\" TERM; sleep 300', shell=True).pid)",
}

DETACHED = {
    "a session of its own": "import subprocess; print(subprocess.Popen(['sleep', '300'], start_new_session=True).pid)",
    "nohup": "import os; os.system('nohup sleep 300 >/dev/null 2>&1 & echo $!')",
}


def start_child(kernel: KernelDriver, code: str) -> psutil.Process:
    """Run a cell that starts a process and prints its id."""
    return psutil.Process(int(kernel.execute(f"import warnings; warnings.simplefilter('ignore')\n{code}").ok().text()))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: sessions and signals")
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
@pytest.mark.parametrize("kind", CHILDREN)
def test_child_processes_of_cells_are_ended(start_kernel: StartKernel, backend: str, kind: str, busy: bool) -> None:
    kernel = start_kernel(backend)
    kernel.execute(AT_EXIT).ok()
    child = start_child(kernel, CHILDREN[kind])
    try:
        if busy:
            kernel.start_until_printed(BUSY["time.sleep"], "in")
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() == 0
        wait_until(lambda: is_gone(child), "the end of the child")
        assert (kernel.folder / "gone").read_text() == "atexit ran"
    finally:
        if not is_gone(child):
            child.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which signals a process ignores")
@pytest.mark.parametrize("kind", DETACHED)
def test_a_child_that_was_detached_on_purpose_stays(start_kernel: StartKernel, backend: str, kind: str) -> None:
    kernel = start_kernel(backend)
    child = start_child(kernel, DETACHED[kind])
    try:
        wait_until(lambda: child.name() == "sleep", "nohup to have done its part")
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() == 0
        assert not is_gone(child)
    finally:
        child.kill()


def test_what_is_queued_at_the_end_is_answered(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    running = kernel.start_until_printed(BUSY["time.sleep"], "in")
    queued = [kernel.start(f"print({number})") for number in range(3)]
    comm = kernel.send("comm_open", {"comm_id": "1", "target_name": "none", "data": {}})
    kernel.request("connect_request")  # what was sent before it has arrived
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert [kernel.finish(cell).reply["status"] for cell in queued] == ["aborted"] * 3
    assert [message["msg_type"] for message in kernel.published(comm)] == ["status", "status"]
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.wait_exit() == 0


def test_cells_of_subshells_end_in_good_order(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(f"import {kernel.library} as lib").ok()
    created = kernel.request("create_subshell_request", channel="control")
    code = "try: print('in'); await lib.sleep(60)\nfinally: print('out')"
    cell = kernel.start_until_printed(code, "in", header={"subshell_id": created["content"]["subshell_id"]})
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    ended = kernel.finish(cell)
    assert (ended.reply["ename"], ended.text()) == ("KeyboardInterrupt", "out\n")
    assert kernel.wait_exit() == 0


def test_what_hangs_when_python_ends_is_ended_by_force(start_kernel: StartKernel, backend: str) -> None:
    """Python runs no thread any more when it takes its modules apart."""
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute(
        "import sys, time, types\n"
        "class Hangs:\n    def __del__(self, sleep=time.sleep): sleep(300)\n"
        "sys.modules['hangs'] = types.ModuleType('hangs'); sys.modules['hangs'].it = Hangs()"
    ).ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 1
    assert "in __del__" in kernel.stderr()


def test_a_thread_that_hangs_is_left_to_itself(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute(AT_EXIT).ok()
    kernel.execute("import threading, time; threading.Thread(target=time.sleep, args=[300], name='mine').start()").ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"
    assert "left to themselves: mine" in kernel.stderr()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to die of")
@pytest.mark.parametrize("argument", ["--no-kernel.capture_fd", "--kernel.capture_fd"])
def test_a_fatal_signal_leaves_its_cause(start_kernel: StartKernel, backend: str, argument: str) -> None:
    kernel = start_kernel(backend, arguments=[argument])
    kernel.expects_stderr = True
    kernel.start("def crash():\n    import ctypes\n    ctypes.string_at(0)\ncrash()")
    assert kernel.wait_exit() == -signal.SIGSEGV
    assert "Segmentation fault" in kernel.stderr()
    assert "in crash" in kernel.stderr()


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory that holds")
def test_out_of_memory_is_an_error_as_any_other(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    limit = (
        "import resource as r\nused = int(open('/proc/self/statm').read().split()[0]) * r.getpagesize()\n"
        "r.setrlimit(r.RLIMIT_AS, (used + (512 << 20), r.RLIM_INFINITY))"
    )
    kernel.execute(limit).ok()
    for code in ("kept = bytearray(1 << 40)", "kept = []\nwhile True: kept.append(bytearray(1 << 25))"):
        assert kernel.execute(code).reply["ename"] == "MemoryError"
    assert kernel.execute("kept = None; print('on')").ok().text() == "on\n"


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


KEEPS_GIL = (
    "import ctypes; c = ctypes.PyDLL(None); lock = ctypes.create_string_buffer(128); c.pthread_mutex_init(lock, None)\n"
    "c.pthread_mutex_lock(lock); import sys; sys.setswitchinterval(60)\nfor _ in range(9):\n"
    "    try: c.creat(b'held', 0o600); c.pthread_mutex_lock(lock)\n    except BaseException: pass"
)
"""A C call with the GIL that no signal ends."""


@pytest.mark.skipif(sys.platform == "win32", reason="waits for a lock of POSIX threads")
def test_sigterm_is_heard_while_c_code_keeps_the_gil(start_kernel: StartKernel, backend: str) -> None:
    """By the guardian: no thread of the kernel runs any more."""
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    child = start_child(kernel, CHILDREN["Popen"])
    try:
        kernel.start(KEEPS_GIL)
        wait_until((kernel.folder / "held").exists, "the C call")
        kernel.send_signal(signal.SIGTERM)
        # A signal that comes just before the call is heard by Python, whose watchdog then ends the process.
        assert kernel.wait_exit() in (-signal.SIGKILL, 1)
        wait_until(lambda: is_gone(child), "the end of the child")
    finally:
        if not is_gone(child):
            child.kill()


GUARDIAN = "kernel guardian"


def guardians(kernel: KernelDriver) -> list[psutil.Process]:
    """The guardians of a kernel: processes that were forked by it, and are nobody's children."""
    found = [one for one in psutil.process_iter() if one.name() == GUARDIAN and not is_gone(one)]
    return [one for one in found if kernel.manager.connection_file in one.cmdline()]


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes by means of Linux")
def test_the_guardian_is_seen_by_nobody_and_goes_with_its_kernel(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    [guardian] = guardians(kernel)
    assert psutil.Process(kernel.process.pid).children() == []
    assert kernel.execute("import os; os.wait()").reply["ename"] == "ChildProcessError"
    open_files = {path.readlink().name for path in Path(f"/proc/{guardian.pid}/fd").iterdir()}
    assert {name.partition(":")[0] for name in open_files} == {"null", "pipe", "socket", "anon_inode"}
    stays = start_child(kernel, DETACHED["nohup"])
    tracker = "from multiprocessing import resource_tracker as r; r.ensure_running(); print(r._resource_tracker._pid)"
    tracks = start_child(kernel, tracker)
    try:
        wait_until(lambda: stays.name() == "sleep", "nohup to have done its part")
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() == 0
        wait_until(lambda: is_gone(guardian), "the end of the guardian")
        wait_until(lambda: is_gone(tracks), "the end of the tracker")
        assert not is_gone(stays)
    finally:
        stays.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: sessions and signals")
@pytest.mark.parametrize("signum", ["SIGKILL", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGSEGV"])
def test_a_kernel_that_dies_of_a_signal_leaves_no_children(
    start_kernel: StartKernel, backend: str, signum: str
) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    children = [start_child(kernel, CHILDREN[kind]) for kind in ("Popen", "a shell in the background")]
    try:
        kernel.send_signal(signal.Signals[signum])
        assert kernel.wait_exit() == -signal.Signals[signum]
        wait_until(lambda: all(map(is_gone, children)), "the end of the children")
    finally:
        for child in children:
            if not is_gone(child):
                child.kill()


def session_of(kernel: KernelDriver) -> list[psutil.Process]:
    """The processes that run in the session that a kernel leads, or led."""
    found = []
    for one in psutil.process_iter():
        try:
            if os.getsid(one.pid) == kernel.process.pid and not is_gone(one):
                found.append(one)
        except ProcessLookupError:
            continue
    return found


TRACKED = {
    "joblib": "from joblib import Parallel, delayed; print(Parallel(2)(delayed(abs)(n) for n in range(3)))",
    "multiprocessing": "from multiprocessing import resource_tracker; resource_tracker.ensure_running()",
    # Reads until nobody can write any more, as trackers do.
    "its like": "import os, subprocess\nreader, writer = os.pipe(); os.set_inheritable(writer, True)\n"
    "subprocess.Popen(['nohup', 'cat'], stdin=reader, stderr=subprocess.DEVNULL); os.close(reader)",
}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: sessions, and descriptors that programs inherit")
@pytest.mark.parametrize("kind", TRACKED)
def test_what_waits_for_the_end_of_the_kernel_ends(start_kernel: StartKernel, backend: str, kind: str) -> None:
    kernel = start_kernel(backend)
    if kind == "joblib":
        pytest.importorskip("joblib")
    kernel.execute(TRACKED[kind]).ok()
    assert len(session_of(kernel)) > 1
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    wait_until(lambda: not session_of(kernel), "the end of what the kernel has started")
