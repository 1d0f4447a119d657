"""Interrupts, by message and by signal: one ends the cell that it was meant for, at once, and nothing else."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from .driver import Cell, DeadlineError, KernelDriver, wait_until

ROUNDS = 7

BLOCKED = {
    "time.sleep": "import time; print('in'); time.sleep(60)",
    "while True": "print('in')\nwhile True: pass",
    "await sleep": "import {library}; print('in'); await {library}.sleep(60)",
}


def by_message(kernel: KernelDriver) -> None:
    kernel.send("interrupt_request", channel="control")


def by_signal(kernel: KernelDriver) -> None:
    kernel.send_signal(signal.SIGINT)


WAYS = [pytest.param(by_message, id="message")]
if sys.platform != "win32":  # there is no signal to another process on Windows
    WAYS.append(pytest.param(by_signal, id="SIGINT"))


@pytest.mark.parametrize("interrupt", WAYS)
@pytest.mark.parametrize("shape", list(BLOCKED))
def test_an_interrupt_ends_a_cell_every_time(
    kernel: KernelDriver, shape: str, interrupt: Callable[[KernelDriver], None]
) -> None:
    for number in range(ROUNDS):
        running = kernel.start_until_printed(BLOCKED[shape].format(library=kernel.library), "in")
        interrupt(kernel)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        assert kernel.execute(f"{number} + 1").ok().result == str(number + 1)


IN_OUR_CODE = {
    "threads": "import threading\nprint('in')\nwhile True: threading.Thread(target=int).start()",
    "a pool": "from concurrent.futures import ThreadPoolExecutor as Pool\npool = Pool(1)\nprint('in')\n"
    "while True: pool.submit(int)",
    "comms": "import comm\nchannel = comm.create_comm(target_name='none')\nprint('in')\nwhile True: channel.send({})",
    "display": "print('in')\nwhile True: display(1)",
    "print": "print('in')\nwhile True: print(1)",
}
"""Cells that spend their time in functions of the kernel, which an interrupt must not tear."""


@pytest.mark.parametrize("shape", list(IN_OUR_CODE))
def test_a_cell_that_is_nearly_always_in_our_code_is_interrupted(kernel: KernelDriver, shape: str) -> None:
    running = kernel.start_until_printed(IN_OUR_CODE[shape], "in")
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute("6 * 7").ok().result == "42"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to a thread on Windows")
@pytest.mark.parametrize("signum", ["SIGINT", "SIGTERM"])
def test_a_signal_that_ends_no_system_call_is_heard(
    start_kernel: Callable[..., KernelDriver], backend: str, signum: str
) -> None:
    # One that another thread takes leaves the main thread's call alone, as one does that arrives just before the call.
    kernel = start_kernel(backend)
    elsewhere = f"signal.pthread_kill(threading.get_ident(), signal.{signum})"
    code = f"import signal, threading, time; threading.Timer(0.2, lambda: {elsewhere}).start(); time.sleep(60)"
    running = kernel.start(code)
    if signum == "SIGTERM":
        kernel.wait_exit()
    else:
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        assert kernel.execute("1").ok().result == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no signal to another process on Windows")
def test_no_signal_is_lost_whenever_it_arrives(kernel: KernelDriver) -> None:
    for _ in range(30):
        running = kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in")
        by_signal(kernel)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"


HANGS_LATER = {
    "callback": "import asyncio\ndef hang():\n    print('hangs')\n    while True: pass\n"
    "asyncio.get_running_loop().call_later(0.1, hang)",
    "task": "import asyncio, time\n"
    "async def hang():\n    await asyncio.sleep(0.1)\n    print('hangs'); time.sleep(60)\n"
    "task = asyncio.create_task(hang())",
    "nursery": "import trio, time\nmanager = trio.open_nursery(); nursery = await manager.__aenter__()\n"
    "async def hang():\n    await trio.sleep(0.1)\n    print('hangs'); time.sleep(60)\nnursery.start_soon(hang)",
}


@pytest.mark.parametrize("interrupt", WAYS)
def test_what_a_cell_left_behind_is_interrupted_when_no_cell_runs(
    start_kernel: Callable[..., KernelDriver], backend: str, interrupt: Callable[[KernelDriver], None]
) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True  # a loop logs what ends its tasks
    for left in ["nursery"] if backend == "trio" else ["callback", "task"]:
        cell = kernel.start(HANGS_LATER[left])
        assert kernel.reply(cell)["content"]["status"] == "ok"
        kernel.wait_printed(cell, "hangs")
        interrupt(kernel)
        if left == "nursery":
            kernel.execute("await manager.__aexit__(None, None, None)")
        assert kernel.execute("6 * 7").ok().result == "42"


BURN = """import time
ticks, stop, begun = [], [], []
def burn(seconds):
    end = time.monotonic() + seconds
    while not stop and time.monotonic() < end: pass
    ticks.append(seconds)
"""
COMES_BACK = """import {0}
async def come_back():
    while not stop:
        burn(0.002)
        await {0}.sleep(0.001)
{1}(come_back)"""
BESIDE = {
    "asyncio": {
        "callback": "import asyncio\nloop = asyncio.get_running_loop()\ndef come_back():\n"
        "    if not stop: loop.call_later(0.001, come_back)\n    burn(0.02)\ncome_back()",
        "task": COMES_BACK.format("asyncio", "task = (lambda run: asyncio.create_task(run()))"),
        "hangs": "import asyncio\nloop = asyncio.get_running_loop()\ndef hang():\n"  # once the cell awaits
        "    if begun: print('hangs'); burn(600)\n    else: loop.call_later(0.01, hang)\nhang()",
    },
    "trio": {"system task": COMES_BACK.format("trio", "trio.lowlevel.spawn_system_task")},
}


@pytest.mark.parametrize("interrupt", WAYS)
@pytest.mark.parametrize("place", ["main", "subshell"])
def test_a_cell_that_awaits_is_interrupted_beside_what_keeps_its_loop_busy(
    start_kernel: Callable[..., KernelDriver], backend: str, interrupt: Callable[[KernelDriver], None], place: str
) -> None:
    kernel = start_kernel(backend)
    created = kernel.request("create_subshell_request", channel="control")["content"]
    header = {"subshell_id": created["subshell_id"]} if place == "subshell" else None
    for name, code in BESIDE[kernel.library].items():
        left = kernel.start(BURN + code, header=header, allow_stdin=True)
        assert kernel.reply(left)["content"]["status"] == "ok"
        awaits = f"print('in'); begun.append(1); await {kernel.library}.sleep(600)"
        running = kernel.start(awaits, header=header)
        kernel.wait_printed(*((left, "hangs") if name == "hangs" else (running, "in")))
        interrupt(kernel)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt", name
        if name != "hangs":  # it is none of the cell's, and goes on
            goes_on = f"had = len(ticks)\nwhile len(ticks) <= had: await {kernel.library}.sleep(0.01)\nstop.append(1)"
            kernel.execute(goes_on, header=header).ok()
        assert kernel.execute("6 * 7", header=header).ok().result == "42"


@pytest.mark.parametrize("place", ["main", "subshell"])
def test_a_system_task_of_trio_that_keeps_the_loop_is_spoken_of(
    start_kernel: Callable[..., KernelDriver], place: str
) -> None:
    kernel = start_kernel("trio")
    created = kernel.request("create_subshell_request", channel="control")["content"]
    subshell = {"subshell_id": created["subshell_id"]}
    header, other = (subshell, None) if place == "subshell" else (None, subshell)
    code = "import trio\nasync def hold():\n    while not begun: await trio.sleep(0.01)\n    print('in'); burn(60)\n"
    code += "import contextvars\ntrio.lowlevel.spawn_system_task(hold, context=contextvars.copy_context())"
    left = kernel.start(BURN + code, header=header, allow_stdin=True)
    running = kernel.start("begun.append(1); await trio.sleep(600)", header=header)
    kernel.wait_printed(left, "in")
    by_message(kernel)
    told = Cell({"content": {}}, kernel.wait_printed(running, "keeps its loop"))
    assert "(line 5, in burn) runs beside the cell and keeps its loop" in told.text("stderr")
    kernel.execute("stop.append(1)", header=other).ok()
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute("await trio.sleep(0); 6 * 7", header=header).ok().result == "42"


DROPS = {
    "a finaliser": "class Hangs:\n    def __del__(self): hang()\none = Hangs(); del one",
    "a callback of C code": "import ctypes; ctypes.CFUNCTYPE(ctypes.c_int)(hang)()",
}


@pytest.mark.parametrize("interrupt", WAYS)
@pytest.mark.parametrize("place", ["main", "subshell"])
@pytest.mark.parametrize("code", DROPS.values(), ids=DROPS)
def test_what_c_code_drops_ends_the_cell_all_the_same(
    kernel: KernelDriver, subshell: dict[str, str], interrupt: Callable[[KernelDriver], None], place: str, code: str
) -> None:
    header = subshell if place == "subshell" else None
    kernel.execute("def hang():\n    print('in')\n    while True: pass").ok()
    running = kernel.start_until_printed(f"{code}\nprint('behind')", "in", header=header)
    interrupt(kernel)
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert "behind" not in cell.text()
    assert kernel.execute("import sys; sys.gettrace()", header=header).ok().result is None


SWALLOWS = """import time
while True:
    try:
        print('in')
        while True: time.sleep(0.01)
    except KeyboardInterrupt:
        print('swallowed')
"""


@pytest.mark.parametrize("place", ["main", "subshell"])
def test_a_second_interrupt_ends_what_swallows_the_first(kernel: KernelDriver, place: str) -> None:
    header = {}
    if place == "subshell":
        created = kernel.request("create_subshell_request", channel="control")["content"]
        header = {"subshell_id": created["subshell_id"]}
    running = kernel.start_until_printed(SWALLOWS, "in", header=header)
    by_message(kernel)
    kernel.wait_printed(running, "swallowed")
    by_message(kernel)
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    after = kernel.execute("import sys; sys.gettrace()", header=header).ok()
    assert after.result is None
    if header:
        kernel.request("delete_subshell_request", header, channel="control")


TAKES_ONE_IN = """import time
print_once, rounds = [print], 0
while rounds < 100:
    try:
        if print_once: print_once.pop()('in')
        time.sleep(0.01)
        rounds += bool(rounds)
    except KeyboardInterrupt:
        rounds = 1
"""


@pytest.mark.parametrize("place", ["main", "subshell"])
def test_a_cell_that_takes_one_interrupt_in_goes_on_to_its_end(
    kernel: KernelDriver, subshell: dict[str, str], place: str
) -> None:
    header = subshell if place == "subshell" else None
    running = kernel.start_until_printed(TAKES_ONE_IN, "in", header=header)
    by_message(kernel)
    kernel.finish(running).ok()


def test_a_second_interrupt_leaves_no_trace_where_nothing_catches_it(kernel: KernelDriver) -> None:
    code = "import time\ntry:\n    print('in'); time.sleep(60)\nfinally:\n    print('out'); time.sleep(60)\n"
    running = kernel.start_until_printed(code, "in")
    by_message(kernel)
    kernel.wait_printed(running, "out")
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute("import sys; sys.gettrace()").ok().result is None


def test_the_error_is_published_once_and_shows_the_cell(kernel: KernelDriver) -> None:
    for code in BLOCKED.values():
        running = kernel.start_until_printed(code.format(library=kernel.library), "in")
        by_message(kernel)
        cell = kernel.finish(running)
        [error] = cell.contents("error")
        assert error["ename"] == "KeyboardInterrupt"


def test_interrupt_request_is_replied_to_on_control(kernel: KernelDriver) -> None:
    reply = kernel.request("interrupt_request", channel="control")
    assert reply["msg_type"] == "interrupt_reply"
    assert reply["content"] == {"status": "ok"}


def test_a_late_interrupt_never_hits_the_next_cell(kernel: KernelDriver) -> None:
    """The interrupt races with the end of the cell that it is for; what is sent after its reply must be unharmed."""
    for number in range(40):
        racing = kernel.start(f"for _ in range({number * 1000}): pass")
        asked = kernel.send("interrupt_request", channel="control")
        assert kernel.reply(asked, channel="control")["content"]["status"] == "ok"
        kernel.finish(racing)
        tail = f"await {kernel.library}.sleep(0)" if number % 2 else "pass"
        cell = kernel.execute(f"import {kernel.library}\nfor n in range(20_000): pass\n{tail}\n{number}")
        assert cell.ok().result == str(number)


def test_an_interrupt_of_an_idle_kernel_does_nothing(kernel: KernelDriver) -> None:
    for _ in range(5):
        assert kernel.request("interrupt_request", channel="control")["content"]["status"] == "ok"
        assert kernel.execute("import time; time.sleep(0.01); 'fine'").ok().result == "'fine'"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to other processes")
def test_a_signal_to_an_idle_kernel_does_not_end_it(start_kernel: Callable[..., KernelDriver], backend: str) -> None:
    kernel = start_kernel(backend)
    for _ in range(5):
        by_signal(kernel)
        assert kernel.request("kernel_info_request", channel="control")["content"]["status"] == "ok"
        kernel.execute("1")
    assert kernel.execute("'fine'").ok().result == "'fine'"


def test_except_and_finally_of_the_cell_run(kernel: KernelDriver) -> None:
    code = "import time\ntry:\n    print('in'); time.sleep(60)\nexcept KeyboardInterrupt:\n    print('caught')\n'on'"
    running = kernel.start_until_printed(code, "in")
    by_message(kernel)
    cell = kernel.finish(running).ok()
    assert "caught" in cell.text()
    assert cell.result == "'on'"
    code = f"import {kernel.library} as lib\ntry:\n    print('in'); await lib.sleep(60)\nfinally:\n    print('finally')"
    running = kernel.start_until_printed(code, "in")
    by_message(kernel)
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert "finally" in cell.text()


def test_an_interrupt_spares_tasks_of_earlier_cells(kernel: KernelDriver) -> None:
    if kernel.library == "asyncio":
        kernel.execute("import asyncio; task = asyncio.create_task(asyncio.sleep(60))").ok()
        alive, end = "not task.done()", "task.cancel()"
    else:
        kernel.execute(
            "import trio; manager = trio.open_nursery(); nursery = await manager.__aenter__()\n"
            "nursery.start_soon(trio.sleep, 60)"
        ).ok()
        alive, end = (
            "len(nursery.child_tasks) == 1",
            ("nursery.cancel_scope.cancel(); await manager.__aexit__(None, None, None)"),
        )
    for shape in BLOCKED.values():
        running = kernel.start_until_printed(shape.format(library=kernel.library), "in")
        by_message(kernel)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.value(alive) is True
    kernel.execute(end).ok()


def test_what_is_queued_behind_an_interrupted_cell_is_aborted(kernel: KernelDriver) -> None:
    running = kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in")
    queued = kernel.start("1")
    assert kernel.request("kernel_info_request", channel="control")["content"]["status"] == "ok"
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.finish(queued).status == "aborted"
    assert kernel.execute("2").ok().result == "2"


def test_each_of_two_interrupts_ends_one_cell(kernel: KernelDriver) -> None:
    for _ in range(2):
        running = kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in", stop_on_error=False)
        queued = kernel.start("print('next'); time.sleep(60)", stop_on_error=False)
        by_message(kernel)
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        kernel.wait_printed(queued, "next")
        by_message(kernel)
        assert kernel.finish(queued).reply["ename"] == "KeyboardInterrupt"


STANDS = {
    "time.sleep": "import time; print('in'); time.sleep(60)",
    "in a coroutine": "import time\nasync def stand():\n    print('in'); time.sleep(60)\nawait stand()",
    "a lock": "import threading; lock = threading.Lock(); lock.acquire(); print('in'); lock.acquire()",
    "a queue": "import queue; print('in'); queue.Queue().get()",
    "a child": "import subprocess; print('in'); subprocess.run(['sleep', '60'])",
}


@pytest.fixture
def subshell(kernel: KernelDriver) -> Iterator[dict[str, str]]:
    created = kernel.request("create_subshell_request", channel="control")["content"]
    header = {"subshell_id": created["subshell_id"]}
    yield header
    kernel.request("delete_subshell_request", header, channel="control")


@pytest.mark.parametrize("shape", list(STANDS))
def test_a_call_that_stands_still_in_a_subshell_is_left(
    kernel: KernelDriver, subshell: dict[str, str], shape: str
) -> None:
    running = kernel.start_until_printed(STANDS[shape], "in", header=subshell)
    queued = kernel.start("'aborted'", header=subshell)
    assert kernel.request("kernel_info_request")["content"]["status"] == "ok"
    by_message(kernel)
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert len(cell.contents("error")) == 1
    assert kernel.finish(queued).status == "aborted"
    assert kernel.execute("6 * 7", header=subshell).ok().result == "42"


def test_what_is_traced_goes_on_beside_a_thread_that_was_left(kernel: KernelDriver, subshell: dict[str, str]) -> None:
    """CPython 3.11 does not get into a function that is traced while an exception waits for another thread."""
    running = kernel.start_until_printed("import time; print('in'); time.sleep(60)", "in", header=subshell)
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    traced = "import sys\ndef called(): return 'well'\nsys.settrace(lambda *_: None)\n"
    assert kernel.execute(f"{traced}try: got = called()\nfinally: sys.settrace(None)\ngot").ok().result == "'well'"


def test_the_finally_block_of_a_cell_that_is_left_precedes_the_next_cell(
    kernel: KernelDriver, subshell: dict[str, str]
) -> None:
    code = "import time\norder = []\ntry:\n    print('in'); time.sleep(0.4)\nfinally:\n    order.append('finally')"
    running = kernel.start_until_printed(code, "in", header=subshell)
    by_message(kernel)
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    wait = "while not order: time.sleep(0.01)\norder"  # a machine that is busy may have taken longer over this
    assert kernel.execute(wait, header=subshell).ok().result == "['finally']"


CHILD = """import signal, sys, time
def handler(*_):
    print('SIGINT', flush=True)
    signal.signal(signal.SIGINT, lambda *_: print('again', flush=True))
    time.sleep(0.1)
    sys.exit(7)
signal.signal(signal.SIGINT, handler)
print('in', flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot be interrupted alone on Windows")
@pytest.mark.parametrize("place", ["main", "subshell"])
@pytest.mark.parametrize("means", ["message", "signal to the group"])
def test_a_child_is_interrupted_once_and_may_clean_up(
    kernel: KernelDriver, subshell: dict[str, str], place: str, means: str
) -> None:
    header = subshell if place == "subshell" else None
    # Popen kills a child soon after an interrupt, unless it is told to give it time.
    code = f"import subprocess, sys\nwith subprocess.Popen([sys.executable, '-c', {CHILD!r}]) as child:\n"
    code += "    child._sigint_wait_secs = 20; child.wait()"
    running = kernel.start_until_printed(code, "in", header=header)
    if means == "message":
        by_message(kernel)
    else:
        os.killpg(kernel.process.pid, signal.SIGINT)  # as jupyter_client and a terminal do
    cell = kernel.finish(running)
    assert cell.reply.get("ename") == "KeyboardInterrupt" or (place, means) == ("subshell", "signal to the group")
    if "SIGINT" not in cell.text():
        kernel.wait_printed(running, "SIGINT")
    assert "again" not in cell.text()
    assert kernel.execute("6 * 7", header=header).ok().result == "42"


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("place", ["main", "subshell"])
@pytest.mark.parametrize("command", ["!echo in; exec sleep 60", "print('in')\nlines = !exec sleep 60"])
def test_a_shell_command_is_interrupted(
    kernel: KernelDriver, subshell: dict[str, str], place: str, command: str
) -> None:
    header = subshell if place == "subshell" else None
    running = kernel.start_until_printed(f"{command}\nprint('went on')", "in", header=header)
    by_message(kernel)
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert "went on" not in cell.text()
    if command[0] == "!":
        assert kernel.execute("_exit_code", header=header).ok().result == "-2"


AWAITS = "asyncio.get_running_loop().call_soon(print, 'in')\n"  # not before the code behind it awaits
SWALLOWS_IN_AWAITS = {
    "asyncio": {
        "sleep": f"{AWAITS}while True:\n    try: await asyncio.sleep(60)\n"
        "    except asyncio.CancelledError: print('swallowed')",
        "all": f"{AWAITS}while True:\n    try: await asyncio.sleep(60)\n    except BaseException: print('swallowed')",
        "shield": f"{AWAITS}future = asyncio.get_running_loop().create_future()\n"
        "while True:\n    try: await asyncio.shield(future)\n    except asyncio.CancelledError: print('swallowed')",
        "task": "async def work():\n    while True:\n        try: await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError: print('swallowed')\n"
        f"task = asyncio.create_task(work())\n{AWAITS}await task",
        "computing": f"{AWAITS}try: await asyncio.sleep(60)\nexcept asyncio.CancelledError: print('swallowed')\n"
        "over = False\nwhile not over:\n    try:\n        while not over: pass\n    except KeyboardInterrupt: pass",
        "asyncio.run": f"async def work():\n    {AWAITS}    while True:\n        try: await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError: print('swallowed')\nasyncio.run(work())",
    },
    "trio": {
        "sleep": "while True:\n    try:\n        print('in')\n        await trio.sleep(60)\n"
        "    except (trio.Cancelled, KeyboardInterrupt): print('swallowed')",
        "shield": "while True:\n    with trio.CancelScope(shield=True):\n        try:\n            print('in')\n"
        "            await trio.sleep(60)\n        except BaseException: print('swallowed')",
        "computing": "try:\n    print('in')\n    await trio.sleep(60)\n"
        "except (trio.Cancelled, KeyboardInterrupt): print('swallowed')\n"
        "over = False\nwhile not over:\n    try:\n        while not over: pass\n    except KeyboardInterrupt: pass",
    },
}


def end_by_another(kernel: KernelDriver, running: str) -> Cell:
    """Interrupt a cell that cannot say that it was interrupted before, until it ends: two at once are one."""
    for _ in range(10):
        by_message(kernel)
        with suppress(DeadlineError):
            return Cell(kernel.reply(running, seconds=2), kernel.published(running))
    raise AssertionError("the cell goes on")


@pytest.mark.parametrize("place", ["main", "subshell"])
def test_a_second_interrupt_ends_what_takes_a_cancellation_in(
    start_kernel: Callable[..., KernelDriver], backend: str, place: str
) -> None:
    kernel = start_kernel(backend)
    kernel.expects_stderr = True  # a task whose loop is closed under it is said to be pending
    created = kernel.request("create_subshell_request", channel="control")["content"]
    header = {"subshell_id": created["subshell_id"]} if place == "subshell" else None
    for name, code in SWALLOWS_IN_AWAITS[kernel.library].items():
        running = kernel.start_until_printed(f"import {kernel.library}\n{code}", "in", header=header)
        by_message(kernel)
        if (kernel.library, name, place) == ("trio", "shield", "subshell"):  # it hears of none
            cell = end_by_another(kernel, running)
        else:
            kernel.wait_printed(running, "swallowed")
            by_message(kernel)
            cell = kernel.finish(running)
        assert cell.reply["ename"] == "KeyboardInterrupt", name
        assert kernel.execute("6 * 7", header=header).ok().result == "42"
        # What a subshell has left to its thread would not end with it, nor the task with its loop.
        kernel.execute({"task": "task.get_coro().close()", "computing": "over = True"}.get(name, ""), header=header)


@pytest.mark.skipif(sys.platform == "win32", reason="os.system waits otherwise there")
def test_a_c_call_that_does_not_look_for_interrupts_is_spoken_of(kernel: KernelDriver) -> None:
    # The C library's system() has this process ignore SIGINT while it waits, and this shell ignores it, too.
    call = "os.system(\"trap '' INT; echo in; until [ -e gate ]; do sleep 0.05; done\")"
    running = kernel.start_until_printed(f"import os\n\n{call}\nwhile True: pass", "in")
    by_message(kernel)
    told = kernel.wait_printed(running, "waits")
    (kernel.folder / "gate").touch()
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    said = Cell({"content": {}}, [*told, *cell.published]).text("stderr")
    assert f"`{call}` (line 3, in <module>)" in said
    assert said.count("waits") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_an_interrupt_that_python_s_lock_kept_waiting_is_spoken_of(kernel: KernelDriver) -> None:
    assert kernel.request("kernel_info_request")["content"]["status"] == "ok"
    # Only the C call can say that the lock is held.
    code = "import ctypes\nctypes.PyDLL(None).system(b'touch held; until [ -e release ]; do sleep 0.05; done')\n"
    running = kernel.start(code + "while True: pass")
    wait_until((kernel.folder / "held").exists, "the C call")
    by_message(kernel)
    time.sleep(1.2)  # as long as the kernel is silent about it, at least
    (kernel.folder / "release").touch()
    cell = kernel.finish(running)
    assert cell.reply["ename"] == "KeyboardInterrupt"
    assert "s before the kernel could see it" in cell.text("stderr")
