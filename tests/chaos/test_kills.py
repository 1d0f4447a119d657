"""A kernel is told to end or killed, or its parent is, at any moment and in any state: nothing of it is left behind."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.needs.kernel import Kernel, write_connection

from .kernels import SECONDS, leaves_nothing, serves, subject

if sys.platform == "win32":
    pytest.skip("POSIX: signals", allow_module_level=True)

SLEEP = "import subprocess; child = subprocess.Popen(['sleep', '300'])\n"
POOL = (
    "import multiprocessing, time\npool = multiprocessing.get_context('fork').Pool(2)\n"
    "left = pool.map_async(time.sleep, [300] * 8, chunksize=1)\n"
)
AT_EXIT = "import atexit, pathlib; atexit.register(pathlib.Path('gone').touch)\n"
IN = "print('in', flush=True)\n"

STATES = {
    "idle": IN,
    "sleeping": f"import time\n{IN}time.sleep(300)",
    "computing": f"{IN}while True: pass",
    "with a child": SLEEP + IN,
    "with a busy pool": POOL + IN,
    "waiting for a pool": f"{POOL}{IN}pool.map(time.sleep, [300] * 2)",
    "awaiting": f"import {{library}}\n{IN}await {{library}}.sleep(300)",
    "awaiting a thread": f"import asyncio, time, trio\n{SLEEP}{IN}await {{to_thread}}(time.sleep, 300)",
    "taking interrupts in": f"import time\n{SLEEP}{IN}while True:\n"
    "    try: time.sleep(300)\n    except BaseException: pass",
    "with the GIL held": f"import ctypes, sys, time\n{SLEEP}c = ctypes.PyDLL(None); {IN}time.sleep(0.2)\n"
    "sys.setswitchinterval(60); c.creat(b'held', 0o600)\nwhile True:\n"
    "    try: c.sleep(300)\n    except BaseException: pass",
    "printing": f"{IN}while True: print('x' * 1000)",
    "with threads": "import threading, time\n"
    f"for _ in range(20): threading.Thread(target=time.sleep, args=[300]).start()\n{IN}",
}
ENDS = ("SIGTERM", "SIGHUP", "shutdown")
"""Means that ask for the end: exit functions run, unless C code holds the GIL."""

DEADLY = ("SIGKILL", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGSEGV", "SIGABRT")
"""Signals that end a process at once."""


def own_file(folder: Path) -> None:
    """Have the kernel write its connection file itself: so it is the one to remove it."""
    (folder / "kernel.json").unlink()


@pytest.mark.table
@pytest.mark.parametrize("means", [*ENDS, *DEADLY])
@pytest.mark.parametrize("state", STATES)
def test_nothing_is_left_of_a_kernel(state: str, means: str, loops: tuple[str, ...]) -> None:
    for loop in loops:
        meet_the_end(loop, state, means)


def meet_the_end(loop: str, state: str, means: str) -> None:
    """Bring a kernel into a state, and end it."""
    one = subject(loop)._replace(before="")  # within its usual time
    with Kernel(one, prepare=own_file, connect=False) as kernel:
        kernel.reconnect(written(kernel))
        client = kernel.client
        kernel.need(AT_EXIT)
        to_thread = "trio.to_thread.run_sync" if loop == "trio" else "asyncio.to_thread"
        code = STATES[state].format(library="trio" if loop == "trio" else "asyncio", to_thread=to_thread)
        where = kernel.subshell() if state == "waiting for a pool" else None
        request = client.execute(code, subshell=where)
        held = state == "with the GIL held"
        if held:  # its text may not have left before
            client.wait((kernel.folder / "held").exists, SECONDS, "the C call")
        else:
            client.wait(lambda: "in" in client.text(request), SECONDS, "the cell")
        if means == "shutdown":
            client.send("control", "shutdown_request", {"restart": False})
            if held:  # nobody reads it; jupyter_client goes on to SIGTERM
                kernel.process.send_signal(signal.SIGTERM)
        else:
            kernel.process.send_signal(signal.Signals[means])
        client.wait(lambda: not kernel.alive(), SECONDS, "the end of the process")
        leaves_nothing(kernel)
        client.wait(lambda: not kernel.connection_file.exists(), SECONDS, "the end of the connection file")
        if means in ENDS and not held:
            assert (kernel.folder / "gone").exists(), kernel.log()
        if means in DEADLY:
            assert kernel.process.returncode == -signal.Signals[means]


def written(kernel: Kernel) -> dict[str, object]:
    """What the kernel has written into its connection file, once it is whole."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and kernel.alive():
        try:
            content: dict[str, object] = json.loads(kernel.connection_file.read_text())
        except (OSError, ValueError):
            time.sleep(0.01)
        else:
            if content.get("shell_port"):
                return content
    raise AssertionError(f"no connection file: {kernel.log()}")


@pytest.mark.timeout(3600)
def test_a_signal_at_any_moment_of_the_start(chance: random.Random, loop: str, long: bool) -> None:
    for _ in range(200 if long else 6):
        name = chance.choice(["SIGTERM", "SIGHUP", "SIGINT", *DEADLY])
        with Kernel(subject(loop), connect=False) as kernel:
            time.sleep(chance.uniform(0, 1.2))
            kernel.process.send_signal(signal.Signals[name])
            if name == "SIGINT" and outlives(kernel):
                kernel.reach()
                serves(kernel)
                kernel.process.kill()
            kernel.process.wait(SECONDS)
            leaves_nothing(kernel)


def outlives(kernel: Kernel) -> bool:
    """Whether it is still there after an interrupt: Python itself ends by one that comes before any code of ours."""
    try:
        kernel.process.wait(2)
    except subprocess.TimeoutExpired:
        return True
    return False


PARENT = """
import os, subprocess, sys, time
os.environ["JPY_PARENT_PID"] = str(os.getpid())  # as jupyter_client does
print(subprocess.Popen(sys.argv[1:], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid,
      flush=True)
time.sleep(600)
"""


@pytest.mark.timeout(3600)
def test_a_parent_that_dies_at_any_moment_of_the_start(
    chance: random.Random, loop: str, long: bool, tmp_path: Path
) -> None:
    one = subject(loop)
    for number in range(200 if long else 4):
        folder = tmp_path / str(number)
        folder.mkdir()
        file, _ = write_connection(folder)
        command = [sys.executable, "-c", PARENT, *one.command(file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=one.environment(), cwd=folder) as parent:
            assert parent.stdout is not None
            kernel = psutil.Process(int(parent.stdout.readline()))
            time.sleep(chance.uniform(0, 1.2))
            parent.kill()
        end = time.monotonic() + SECONDS
        while left := those_of(file, kernel):
            assert time.monotonic() < end, left
            time.sleep(0.02)


def those_of(file: Path, kernel: psutil.Process) -> list[psutil.Process]:
    """The processes of a kernel that still run. One that is ending has no command line any more."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        own = each == kernel or str(file) in (each.info["cmdline"] or ())
        if own and each.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(each)
    return found
