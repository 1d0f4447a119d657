"""Processes of cells: an interrupt is for them, too, as Ctrl-C in a terminal; at the end of the kernel none is left."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from .driver import KernelDriver, wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")


UNDER_WAY = "under way"
"""Words of no traceback: these tests are batch runs, in which workers of earlier cells write their tracebacks
into the cell that runs."""


def by_message(kernel: KernelDriver) -> None:
    kernel.send("interrupt_request", channel="control")


def by_signal(kernel: KernelDriver) -> None:
    os.killpg(kernel.process.pid, signal.SIGINT)  # as jupyter_client and a terminal do


@pytest.fixture(scope="module")
def shelled(kernel: KernelDriver) -> dict[str, dict[str, str]]:
    """The header of requests for each place, in a kernel where a server of an earlier cell runs."""
    created = kernel.request("create_subshell_request", channel="control")["content"]
    places = {"main": {}, "subshell": {"subshell_id": created["subshell_id"]}}
    kernel.execute(PRELUDE).ok()
    return places


PRELUDE = """
import asyncio, multiprocessing, os, subprocess, sys, time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

def work(name):
    Path(name).touch()
    time.sleep(60)

def note(name):
    try:
        Path(name).touch()  # within: the interrupt may come at once
        time.sleep(60)
    except KeyboardInterrupt:
        Path(name + "-interrupted").touch()
        raise

def wait_for(*names):
    end = time.monotonic() + 20
    while not all(map(os.path.exists, names)):
        assert time.monotonic() < end
        time.sleep(0.005)
    for name in names:
        os.unlink(name)
    print("under way")

def say_when(*names):
    import threading
    threading.Thread(target=wait_for, args=names).start()

SLEEP = [sys.executable, "-c", "import time; open('a', 'w'); time.sleep(60)"]
SERVER = "import signal, time\\n"
SERVER += "for one in (signal.SIGINT, signal.SIGUSR1): signal.signal(one, lambda *_: print(_[0]))\\n"
SERVER += "print('up')\\nwhile True: time.sleep(60)"
"""

OWN = {
    "executor": "say_when('a', 'b')\nwith ProcessPoolExecutor(2) as pool: list(pool.map(work, 'ab'))",
    "executor, at its end": "say_when('a', 'b')\nwith ProcessPoolExecutor(2) as pool: pool.map(work, 'ab')",
    "pool": "say_when('a', 'b')\nwith multiprocessing.Pool(2) as pool: pool.map(work, 'ab')",
    "join": "say_when('a')\none = multiprocessing.Process(target=work, args='a'); one.start(); one.join()",
    "Process": "one = multiprocessing.Process(target=work, args='a'); one.start(); wait_for('a')\n"
    "while one.is_alive(): time.sleep(0.01)",
    "fork server": "context = multiprocessing.get_context('forkserver')\n"
    "one = context.Process(target=os.system, args=['echo $$ >a; exec sleep 60']); one.start(); wait_for('a')\n"
    "while one.is_alive(): time.sleep(0.01)",
    "run": "say_when('a')\nsubprocess.run(SLEEP)",
    "poll": "child = subprocess.Popen(SLEEP); wait_for('a')\nwhile child.poll() is None: time.sleep(0.01)",
    "os.system": "say_when('a')\nos.system('echo >a; exec sleep 60')",
    "%%bash": "%%bash\necho under way\nsleep 60\nsleep 60",
    "!": "!echo under way; sleep 60",
}
AWAITING = {
    "asyncio": {
        "asyncio": "child = await asyncio.create_subprocess_exec(*SLEEP); wait_for('a')\n"
        "await child.wait(); await asyncio.sleep(60)",
        "run_in_executor": "say_when('a')\nwith ProcessPoolExecutor(1) as pool:\n"
        "    await asyncio.get_running_loop().run_in_executor(pool, work, 'a')",
    },
    "trio": {
        "trio": "import trio; say_when('a')\nawait trio.run_process(SLEEP, check=False); await trio.sleep(60)",
        "thread": "import trio; say_when('a')\n"
        "await trio.to_thread.run_sync(subprocess.run, SLEEP); await trio.sleep(60)",
    },
}
CASES = [*OWN, "first await", "second await"]


@pytest.mark.parametrize("interrupt", [pytest.param(by_message, id="message"), pytest.param(by_signal, id="signal")])
@pytest.mark.parametrize("place", ["main", "subshell"])
@pytest.mark.parametrize("case", CASES)
def test_the_processes_of_a_cell(
    kernel: KernelDriver,
    shelled: dict[str, dict[str, str]],
    case: str,
    place: str,
    interrupt: Callable[[KernelDriver], None],
) -> None:
    awaiting = [*AWAITING[kernel.library].values()]
    code = OWN[case] if case in OWN else awaiting[CASES.index(case) - len(OWN)]
    before = {*psutil.Process(kernel.process.pid).children(recursive=True)}
    running = kernel.start_until_printed(code, UNDER_WAY, header=shelled[place])
    own = {*psutil.Process(kernel.process.pid).children(recursive=True)} - before
    assert own
    interrupt(kernel)
    cell = kernel.finish(running)
    if interrupt is by_signal and (place == "subshell" or case == "os.system"):
        pass  # the processes have it first, so that the cell may go on to its end: `os.system` has SIGINT ignored
    else:  # IPython's magic for scripts may say so of whatever has ended its program
        assert cell.reply["ename"] in {"KeyboardInterrupt", "CalledProcessError" if case == "%%bash" else ""}
    wait_until(lambda: not any(map(runs, own)), f"the end of {own}")
    if case == "pool":  # a subshell's thread stands in a wait that nothing ends, and has left its pool
        kernel.execute("pool.terminate()").ok()


def runs(process: psutil.Process) -> bool:
    try:
        helper = {"resource_tracker", "forkserver"} & {*" ".join(process.cmdline()).replace(".", " ").split()}
        return not helper and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


POOLS = """
pool = ProcessPoolExecutor(2)
solo = ProcessPoolExecutor(1)
list(pool.map(abs, [1, 2])), list(solo.map(abs, [1]))
old = multiprocessing.Pool(2)
old.map(abs, [1, 2])
from joblib.externals.loky import get_reusable_executor
loky = get_reusable_executor(2)
list(loky.map(abs, [1, 2]))
"""

WAITS = {
    "executor.map": "list(pool.map(note, 'ab'))",
    "result": "solo.submit(note, 'a').result()",
    "futures.wait": "import concurrent.futures\n"
    "concurrent.futures.wait([pool.submit(note, 'a'), pool.submit(note, 'b')])",
    "as_completed": "import concurrent.futures\n"
    "for each in concurrent.futures.as_completed([solo.submit(note, 'a')]): pass",
    "pool.map": "old.map(note, 'ab')",
    "pool.imap": "list(old.imap(note, 'ab'))",
    "apply_async": "old.apply_async(note, 'a').get()",
    "loky": "list(loky.map(note, 'ab'))",
    "a thread": "import threading\n"
    "one = threading.Thread(target=solo.submit(note, 'a').exception); one.start(); one.join()",
}
AWAITS = {
    "asyncio": {
        "run_in_executor": "await asyncio.get_running_loop().run_in_executor(solo, note, 'a')",
        "gather": "loop = asyncio.get_running_loop()\n"
        "await asyncio.gather(*(loop.run_in_executor(pool, note, name) for name in 'ab'))",
        "asyncio.wait": "await asyncio.wait([asyncio.wrap_future(solo.submit(note, 'a'))])",
        "wait_for": "await asyncio.wait_for(asyncio.wrap_future(solo.submit(note, 'a')), 60)",
        "group": "async def one(): await asyncio.wrap_future(solo.submit(note, 'a'))\n"
        "async with asyncio.TaskGroup() as group: group.create_task(one())",
        "to_thread": "await asyncio.to_thread(lambda: solo.submit(note, 'a').result())",
        "anyio": "import anyio\n"
        "await anyio.to_thread.run_sync(lambda: solo.submit(note, 'a').result(), abandon_on_cancel=True)",
        "asyncio.run": "async def one(): await asyncio.wrap_future(solo.submit(note, 'a'))\nasyncio.run(one())",
    },
    "trio": {
        "run_sync": "import trio; await trio.to_thread.run_sync(lambda: solo.submit(note, 'a').result())",
        "nursery": "import trio\nasync with trio.open_nursery() as nursery:\n"
        "    nursery.start_soon(trio.to_thread.run_sync, lambda: solo.submit(note, 'a').result())",
        "trio.run": "import trio\ntrio.run(trio.to_thread.run_sync, lambda: solo.submit(note, 'a').result())",
    },
}


def test_the_workers_of_a_pool_that_is_waited_for(kernel: KernelDriver, shelled: dict[str, dict[str, str]]) -> None:
    kernel.expects_stderr = True  # asyncio says so of a future whose exception nobody asks for
    kernel.execute(POOLS).ok()
    for name, code in {**WAITS, **AWAITS[kernel.library]}.items():
        names = "ab" if "'ab'" in code or "'b'" in code else "a"
        running = kernel.start_until_printed(f"say_when(*{names!r})\n{code}", UNDER_WAY)
        by_message(kernel)
        cell = kernel.finish(running)
        for each in names:
            noted = kernel.folder / f"{each}-interrupted"
            wait_until(noted.exists, f"the interrupt of {each} in the case {name}")
            noted.unlink()
        assert cell.reply.get("ename"), name
    kernel.execute("loky.shutdown(kill_workers=True)").ok()


USER_SIGNAL = "" if sys.platform == "win32" else str(int(signal.SIGUSR1))

LEFT = """
server = subprocess.Popen([sys.executable, "-uc", SERVER], stdout=open("server", "w"))
idle = ProcessPoolExecutor(1)
idle.submit(int).result()
while not os.path.getsize("server"): time.sleep(0.005)
"""


def test_what_earlier_cells_have_left_running_is_spared(
    kernel: KernelDriver, shelled: dict[str, dict[str, str]]
) -> None:
    server = kernel.folder / "server"
    left = kernel.start(LEFT)
    running = kernel.start(OWN["poll"].replace("wait_for", "idle.submit(int).result(); wait_for"))
    kernel.finish(left).ok()
    kernel.wait_printed(running, UNDER_WAY)
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.value("child.wait(20)") == -signal.SIGINT
    assert kernel.value("idle.submit(int).result()") == 0
    kernel.execute(f"server.send_signal({USER_SIGNAL})").ok()
    wait_until(lambda: USER_SIGNAL in server.read_text(), "the signal to the server")
    assert server.read_text().split() == ["up", USER_SIGNAL]
    kernel.execute("server.kill()").ok()


def test_no_worker_of_a_busy_pool_outlives_the_kernel(start_kernel: Callable[..., KernelDriver]) -> None:
    """It replaces the workers that are ended. On one backend: its loop has ended before."""
    kernel = start_kernel()
    kernel.execute(PRELUDE).ok()
    left = kernel.start("say_when('a', 'b')\npool = multiprocessing.Pool(2)\nleft = pool.map_async(work, 'abcdef', 1)")
    kernel.wait_printed(left, UNDER_WAY)
    kernel.start_until_printed("say_when('g', 'h')\nmultiprocessing.Pool(2).map(work, 'ghijkl', 1)", UNDER_WAY)
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0, kernel.stderr()
    wait_until(lambda: not session_of(kernel), "the end of all workers")


def session_of(kernel: KernelDriver) -> list[int]:
    """The processes that are left of the session that a kernel has led."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == kernel.process.pid and runs(process):
                found.append(process.pid)
    return found


LOADER = """
import torch.utils.data

class Slow(torch.utils.data.Dataset):
    def __len__(self): return 8
    def __getitem__(self, index):
        open("ab"[index % 2], "w").close()
        while True: index += 1

say_when('a', 'b')
for batch in torch.utils.data.DataLoader(Slow(), num_workers=2, multiprocessing_context='fork'): pass
"""


def test_the_workers_of_a_loader_of_torch(kernel: KernelDriver, shelled: dict[str, dict[str, str]]) -> None:
    """They compute without an end, so that nothing else that torch does at the end of a loader ends them."""
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: it takes a gigabyte, and this test is all that would use it")
    before = {*psutil.Process(kernel.process.pid).children(recursive=True)}
    running = kernel.start_until_printed(LOADER, UNDER_WAY)
    own = {*psutil.Process(kernel.process.pid).children(recursive=True)} - before
    assert len([one for one in own if runs(one)]) >= 2
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    wait_until(lambda: not any(map(runs, own)), f"the end of {own}")
