"""Nothing that the kernel does by itself blocks the loop in which cells run: their tasks would stand still."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import StartKernel
from .driver import KernelDriver

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc says how long a thread was served"),
    pytest.mark.parametrize("backend", ["asyncio", "trio"]),  # callbacks of uvloop are run by C code
]

BEGIN = """
import importlib.util, sys
from async_kernel import process
process.GRACE = 15.0
from async_kernel.ipython.asking_jedi import warm_up
from async_kernel.ipython.preparation import prepare
prepare(), warm_up()  # what the kernel imports by itself in a thread, which then holds the GIL
place = importlib.util.spec_from_file_location("steps", {path!r})
steps = importlib.util.module_from_spec(place)
place.loader.exec_module(steps)
steps.watch()
"""
"""At the end the collector looks through all objects. With those of jedi that takes 0.2 s of a processor, which on a
machine that runs ten things at once are more than the three seconds that an end has.
"""

CELLS = (
    "1 + 1",
    "x = [0] * 10",
    "print('a')\nprint('b', file=__import__('sys').stderr)",
    "for n in range(2000): print(n)",
    "display({'text/plain': 'a'}, raw=True)",
    "1 / 0",
    "def f(): return g()\nf()",
    "1 +* 1",
    "await __import__('anyio').sleep(0.01)",
    "%who",
    "%%timeit -n 1 -r 1\npass",
    "print?",
    "exit_code = 0; del exit_code",
    "from comm import create_comm\nmine = create_comm('none')\nmine.send({'a': 1})\nmine.close()",
    "import threading\nthreading.Thread(target=print, args=['from a thread']).start()",
)

REQUESTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("complete_request", {"code": "pri", "cursor_pos": 3}, "shell"),
    ("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 1}, "shell"),
    ("is_complete_request", {"code": "for x in y:"}, "shell"),
    ("history_request", {"hist_access_type": "tail", "n": 10, "raw": True, "output": True}, "shell"),
    ("comm_info_request", {}, "shell"),
    ("kernel_info_request", {}, "shell"),
    ("kernel_info_request", {}, "control"),
    ("usage_request", {}, "control"),
    ("list_subshell_request", {}, "control"),
    ("debug_request", {"type": "request", "seq": 1, "command": "debugInfo"}, "control"),
    ("interrupt_request", {}, "control"),
)


@pytest.fixture
def watched(start_kernel: StartKernel, backend: str) -> KernelDriver:
    """A kernel whose steps are watched."""
    kernel = start_kernel(backend)
    kernel.execute(BEGIN.format(path=str(Path(__file__).with_name("steps.py")))).ok()
    return kernel


def test_nothing_that_the_kernel_does_blocks_its_loop(watched: KernelDriver) -> None:
    """There is no list of exceptions."""
    for _ in range(3):
        for code in CELLS:
            watched.execute(code)
        for msg_type, content, channel in REQUESTS:
            watched.request(msg_type, content, channel=channel)
        subshell = watched.request("create_subshell_request", channel="control")["content"]["subshell_id"]
        watched.execute("2 + 2", header={"subshell_id": subshell}).ok()
        watched.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")
        for number, msg_type in enumerate(("comm_open", "comm_msg", "comm_close")):
            content = {"comm_id": "one", "target_name": "none", "data": {"number": number}}
            watched.published(watched.send(msg_type, content))
    watched.execute("%%time\n0").ok()
    assert watched.value("steps.found") == []


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("import time; time.sleep(0.3)", " s in "),
        ("import subprocess; subprocess.run(['true'])", "subprocess.Popen"),
        ("import threading; held = threading.Lock(); held.acquire(); held.acquire(timeout=0.3)", " s in "),
        ("import os; ends = os.pipe(); __import__('select').select([ends[0]], [], [], 0.3)", " s in "),
    ],
)
def test_a_cell_that_blocks_is_found(watched: KernelDriver, code: str, word: str) -> None:
    """Or the test above could not fail."""
    watched.execute(code).ok()
    found = watched.value("steps.found")
    assert any(word in one for one in found), found


def test_interrupts_do_not_tear_the_watch(watched: KernelDriver) -> None:
    """Raised in it, they would take the callback with them that it is about to watch, and whoever waits for that."""
    for _ in range(300):
        asked = watched.start("pass")
        for _ in range(3):
            watched.send_signal(signal.SIGINT)
        watched.reply(asked)
    watched.execute("pass").ok()
