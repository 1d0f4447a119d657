"""The end of a kernel whose cells have replaced functions that it needs, and left them so.

What a kernel that believes them would end is a process of the test: the leader of a session, and its child.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from .driver import KernelDriver, wait_until
from .test_exit_functions import UNENDING
from .test_shutdown import StartKernel, is_gone

if sys.platform == "win32":
    pytest.skip("POSIX: the children of cells are ended by signals", allow_module_level=True)

VICTIM = "import subprocess, sys; print(subprocess.Popen(['sleep', '300']).pid, flush=True); sys.stdin.read()"

EVERYWHERE = """
def replace(module, name, fake):
    real = getattr(module, name)
    for one in list(sys.modules.values()):
        if not one.__name__.startswith(('threading', 'queue', 'asyncio', 'selectors', 'trio', 'anyio')):
            for key, value in list(getattr(one, '__dict__', {}).items()):
                if value is real: setattr(one, key, fake)
"""
"""As freezegun and pyfakefs do: in the globals of every module."""

REPLACED = {
    "os.getpid": "os.getpid = lambda: VICTIM",
    "os.getpid, everywhere": "replace(os, 'getpid', lambda: VICTIM)",
    "os.kill": "os.kill = lambda *arguments: None",
    "os.kill, for another": "os.kill = lambda pid, number, kill=os.kill: kill(VICTIM, number)",
    "os.getsid": "os.getsid = lambda pid: VICTIM",
    "the processes": "os.listdir = lambda path='.': []\npathlib.Path.iterdir = lambda self: iter(())",
    "files": "builtins.open = os.open = io.open = mock.Mock(side_effect=FileNotFoundError)\n"
    "pathlib.Path.read_text = lambda *arguments: '1 (x) S VICTIM VICTIM VICTIM'",
    "os.read": "os.read = lambda *arguments: b''",
    "subprocess": "subprocess.Popen = subprocess.run = mock.MagicMock()",
    "a frozen clock": "replace(time, 'monotonic', lambda: 1.0)\nreplace(time, 'time', lambda: 1.0)",
    "a wrong clock": "time.monotonic = time.time = mock.MagicMock()",
    "time.sleep": "time.sleep = lambda seconds: None",
    "signals": "signal.signal = signal.getsignal = mock.MagicMock()",
    "threads": "threading.Timer = threading.Event = mock.MagicMock()\nthreading.Thread.start = lambda self: None",
}
"""Code that stands in a cell. VICTIM is the id of a process that is none of the kernel's."""


@pytest.fixture
def victim() -> Iterator[list[psutil.Process]]:
    """A process that leads its session, and its child."""
    command = [sys.executable, "-c", VICTIM]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        child = psutil.Process(int(process.stdout.readline()))
        yield [psutil.Process(process.pid), child]
        child.kill()


def replace(kernel: KernelDriver, what: str, victim: list[psutil.Process]) -> psutil.Process:
    """Start a child in a cell, then replace something in the same cell; the child."""
    code = REPLACED[what].replace("VICTIM", str(victim[0].pid))
    imports = "import builtins, io, os, pathlib, signal, subprocess, sys, threading, time\nfrom unittest import mock\n"
    started = kernel.execute(f"{imports}child = subprocess.Popen(['sleep', '300']); print(child.pid)").ok()
    kernel.execute(EVERYWHERE + code).ok()
    return psutil.Process(int(started.text()))


@pytest.mark.parametrize("what", REPLACED)
def test_its_own_children_are_ended_and_no_others(
    start_kernel: StartKernel, backend: str, victim: list[psutil.Process], what: str
) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True  # the loop, or IPython, may not be able to end in good order
    child = replace(kernel, what, victim)
    try:
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() in {0, 1}
        wait_until(lambda: is_gone(child), "the end of the child")
        assert not any(map(is_gone, victim))
    finally:
        if not is_gone(child):
            child.kill()


FORCED = {
    "os._exit": "os._exit = lambda status: None",
    "atexit": "import atexit; atexit._run_exitfuncs = mock.MagicMock()",
    "logging": "import logging; logging.Logger.critical = mock.Mock(side_effect=ValueError)\n"
    "time.time = mock.Mock(side_effect=ValueError)",
    **REPLACED,
}


@pytest.mark.parametrize("what", ["os._exit", "logging", "os.getpid", "os.kill", "a frozen clock", "threads"])
def test_the_end_by_force_comes_all_the_same(
    start_kernel: StartKernel, victim: list[psutil.Process], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    kernel = start_kernel()
    kernel.expects_stderr = True
    monkeypatch.setitem(REPLACED, what, FORCED[what])
    child = replace(kernel, what, victim)
    try:
        kernel.start(UNENDING.replace("print('in', flush=True)", "pathlib.Path('in').touch()"))
        wait_until((kernel.folder / "in").exists, "the cell to run")
        kernel.send("shutdown_request", {"restart": False}, channel="control")
        assert kernel.wait_exit() == 1
        wait_until(lambda: is_gone(child), "the end of the child")
        assert not any(map(is_gone, victim))
    finally:
        if not is_gone(child):
            child.kill()
