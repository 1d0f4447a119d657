"""What users have registered to be run at the end of their program: it runs first, with all that the cells have left,
and something that hangs does not keep the rest from its turn."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import pytest

from .driver import KernelDriver, wait_until
from .test_shutdown import AT_EXIT, session_of

StartKernel = Callable[..., KernelDriver]

REGISTERED = """
import atexit, contextlib, logging.handlers, multiprocessing.util, threading, time, weakref
from concurrent.futures import ThreadPoolExecutor

mine = 'mine'
def note(word):
    with open('gone', 'a') as file: print(word, mine, threading.current_thread() is threading.main_thread(), file=file)

class Handler(logging.Handler):
    def emit(self, record): note(record.getMessage())
log = logging.getLogger('of a cell')
log.addHandler(logging.handlers.MemoryHandler(10, target=Handler()))
log.warning('logging')

class Note:
    def __init__(self, word): self.word = word
    def __del__(self): note(self.word)
kept = Note('__del__')
ring = [Note('a ring')]; ring[0].ring = ring
weakref.finalize(note, note, 'weakref.finalize')
multiprocessing.util.Finalize(None, note, ['multiprocessing'], exitpriority=1)
stack = contextlib.ExitStack()
stack.callback(note, 'ExitStack')
atexit.register(stack.close)
atexit.register(note, 'atexit')
threading._register_atexit(note, 'threading')
pool = ThreadPoolExecutor(1)
def job(): time.sleep(0.1); note('ThreadPoolExecutor')
running = pool.submit(job)
"""


def test_exit_functions_find_the_namespace_as_the_cells_left_it(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(REGISTERED).ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    ran = [line.rsplit(maxsplit=2) for line in (kernel.folder / "gone").read_text().splitlines()]
    assert all(mine == "mine" for _, mine, _ in ran)
    assert [word for word, _, in_main in ran if in_main == "False"] == ["ThreadPoolExecutor"]
    order = [word for word, _, _ in ran]
    assert sorted(order[:2]) == ["ThreadPoolExecutor", "threading"]
    assert order[2:4] == ["atexit", "ExitStack"]  # the latest first
    assert sorted(order[4:-2]) == ["logging", "multiprocessing", "weakref.finalize"]
    assert order[-2:] == ["__del__", "a ring"]


PRINTS = """
import atexit, os, sys
held = sys.stdout
atexit.register(lambda: 1 / 0)
atexit.register(os.system, 'echo from a child')
atexit.register(lambda: held.write('held\\n'))
atexit.register(print, 'on stderr', file=sys.stderr)
atexit.register(lambda: print('on stdout'))
"""


def test_what_exit_functions_write_is_in_the_log(start_kernel: StartKernel) -> None:
    """No loop runs any more, so one backend shows it."""
    kernel = start_kernel()
    kernel.expects_stderr = True
    kernel.execute(PRINTS).ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    lines = kernel.stderr().splitlines()
    assert [line for line in lines if line[0] in "ohf"] == ["on stdout", "on stderr", "held", "from a child"]
    assert "ZeroDivisionError: division by zero" in lines


PATIENT = "import async_kernel.process; async_kernel.process.GRACE = 8.0\n"
"""For machines so busy that what hangs, once it is interrupted, is not cleaned up within the usual time."""

HANGS = {
    "an exit function": "import atexit, time; atexit.register(time.sleep, 300)",
    "finally": "import time\ntry: print('in'); time.sleep(60)\nfinally: time.sleep(300)",
    "a cell that takes interrupts in": "import time\nwhile True:\n    try:\n        print('in'); time.sleep(60)\n"
    "    except BaseException: pass",
    "a child": "import os; print('in', flush=True); os.system('sleep 300')",
}


@pytest.mark.parametrize("what", HANGS)
def test_what_hangs_is_interrupted_and_the_rest_has_its_turn(start_kernel: StartKernel, what: str) -> None:
    """The main thread stands in the same calls on each backend."""
    if sys.platform == "win32" and what == "a child":
        pytest.skip("on Windows children are left to themselves")
    kernel = start_kernel()
    kernel.expects_stderr = True
    kernel.execute(PATIENT + AT_EXIT).ok()
    cell = kernel.start(HANGS[what])
    if "in'" in HANGS[what]:
        kernel.wait_printed(cell, "in")
    else:
        kernel.finish(cell)
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"
    assert "by force" not in kernel.stderr()


def test_a_thread_that_a_cell_awaits_is_left_to_itself(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute(AT_EXIT if backend == "trio" else PATIENT + AT_EXIT).ok()
    call = {"asyncio": "asyncio.to_thread", "trio": "trio.to_thread.run_sync"}[kernel.library]
    work = "def work(): pathlib.Path('in').touch(); time.sleep(300)"
    kernel.start(f"import {kernel.library}, pathlib, time\n{work}\nawait {call}(work)")
    wait_until((kernel.folder / "in").exists, "the thread")
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    # trio waits for a thread whatever happens, so there the process is ended by force.
    assert kernel.wait_exit() == (1 if backend == "trio" else 0)
    assert (kernel.folder / "gone").read_text() == "atexit ran"


UNENDING = (
    "import ctypes; c = ctypes.CDLL(None); lock = ctypes.create_string_buffer(128); c.pthread_mutex_init(lock, None)\n"
    "c.pthread_mutex_lock(lock)\nfor _ in range(9):\n    try: print('in', flush=True); c.pthread_mutex_lock(lock)\n"
    "    except BaseException: pass"
)
"""A C call without the GIL that no signal ends. An interrupt that comes before it has begun is taken in."""


@pytest.mark.skipif(sys.platform == "win32", reason="waits for a lock of POSIX threads")
def test_an_end_by_force_runs_the_exit_functions(start_kernel: StartKernel, backend: str) -> None:
    """The handler of the signal never runs."""
    kernel = start_kernel(backend)
    kernel.expects_stderr = True
    kernel.execute(AT_EXIT).ok()
    kernel.start_until_printed(UNENDING, "in")
    kernel.send_signal(signal.SIGTERM)
    assert kernel.wait_exit() == 1
    assert (kernel.folder / "gone").read_text() == "atexit ran"
    assert "ended by force" in kernel.stderr()


COMPUTES = """
import multiprocessing, pathlib, time
from concurrent.futures import ProcessPoolExecutor
fork = multiprocessing.get_context('fork')
def spin(number):
    pathlib.Path(f'spins {number}').touch()
    end = time.monotonic() + 300
    while time.monotonic() < end: pass
"""

POOLS = {
    "a pool of the cell": "with fork.Pool(2) as pool: pool.map(spin, range(2))",
    "a pool that lives on": "pool = fork.Pool(2); pool.map(spin, range(2))",
    "a pool that nobody waits for": "pool = fork.Pool(2); result = pool.map_async(spin, range(8), chunksize=1)",
    "an executor": "with ProcessPoolExecutor(2, fork) as pool: list(pool.map(spin, range(2)))",
}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: forks and sessions")
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("subshell", [False, True], ids=["main", "subshell"])
def test_a_busy_pool_of_processes_ends_with_the_kernel(start_kernel: StartKernel, kind: str, *, subshell: bool) -> None:
    """What is waited for is the same on each backend."""
    kernel = start_kernel()
    kernel.execute(PATIENT + AT_EXIT + COMPUTES).ok()
    header = {}
    if subshell:
        created = kernel.request("create_subshell_request", channel="control")
        header["subshell_id"] = created["content"]["subshell_id"]
    kernel.start(POOLS[kind], header=header)
    for number in range(2):
        wait_until((kernel.folder / f"spins {number}").exists, "a worker that computes")
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    assert (kernel.folder / "gone").read_text() == "atexit ran"
    wait_until(lambda: not session_of(kernel), "the end of the workers")


LATE = """
import gc, sys, types
class Late:
    def __del__(self, count=gc.get_freeze_count, open=open):
        with open('late', 'w') as file: file.write(str(count()))
sys.modules['kept'] = types.ModuleType('kept')
sys.modules['kept'].late = Late()
"""


def test_python_takes_itself_apart_without_a_look_through_all_objects(start_kernel: StartKernel) -> None:
    """That takes more than a second once a completion has brought in jedi. On one backend: it is Python's own end."""
    kernel = start_kernel("asyncio")
    kernel.execute(LATE).ok()
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    assert kernel.wait_exit() == 0
    assert int((kernel.folder / "late").read_text()) > 10_000, "objects that are left alone"
