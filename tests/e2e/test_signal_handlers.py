"""Handlers of the user's that raise, wherever the main thread is: nothing of the kernel's is torn."""

from __future__ import annotations

import signal
import sys

import pytest

from .conftest import StartKernel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarms")

OFTEN = """
import signal
from IPython.display import display
class Late(Exception): pass
def ring(*_): raise Late
raised = count = 0
def show():
    global count, raised
    try:
        while True:
            count += 1
            display({'text/plain': str(count)}, raw=True)
            print(count)
    except Late:
        raised += 1
before = signal.signal(signal.SIGALRM, ring)
while raised < 300:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.002)
        show()
    except Late:
        pass
signal.signal(signal.SIGALRM, before)
print('end')
"""


def test_alarms_while_it_prints_tear_nothing(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    cell = kernel.execute(OFTEN, seconds=60).ok()
    assert cell.text().endswith("end\n")
    shown = [int(content["data"]["text/plain"]) for content in cell.contents("display_data")]
    assert shown == sorted(set(shown))
    assert len(shown) + 300 >= shown[-1]  # each alarm kept one back at most
    assert kernel.execute("import os; os.system('echo past Python')").ok().text() == "past Python\n"


ALARM = """
import signal
class Late(Exception): pass
def ring(*_): raise Late
signal.signal(signal.SIGALRM, ring)
"""


def test_an_alarm_that_outlives_its_cell_is_shown_and_harms_nothing(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    alarm = kernel.start(ALARM)
    kernel.finish(alarm).ok()
    kernel.send_signal(signal.SIGALRM)
    kernel.wait_printed(alarm, "Late")
    assert kernel.value("6 * 7") == 42


def test_in_a_later_cell_it_is_raised_there(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(ALARM).ok()
    running = kernel.start_until_printed("print('in')\nwhile True: pass", "in")
    kernel.send_signal(signal.SIGALRM)
    assert kernel.finish(running).reply["ename"] == "Late"
    assert kernel.value("6 * 7") == 42
