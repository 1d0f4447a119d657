"""Clusters of dask and ipyparallel from cells: the page about them, and that output, bars, interrupts and the end of
their processes are as it says. ray, which is large, is in tests/beyond."""

from __future__ import annotations

import signal
import sys

import pytest

from .clusters import SECONDS, end_leaving_none, family, follow_section, gone
from .conftest import StartKernel
from .driver import KernelDriver, Message, plain

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="child processes are left to themselves there"),
]

DASK = """
import sys, time
from async_kernel import Caller, Pending
from distributed import Client, progress

def slow(n):
    time.sleep(0.3)
    return n

def speak(word):
    print(word, "to stdout", flush=True)
    print(word, "to stderr", file=sys.stderr, flush=True)

def fail(n):
    raise ValueError(f"no {n}")

def work(seconds):
    print("work begins", flush=True)
    time.sleep(seconds)

client = Client(n_workers=2, threads_per_worker=1, dashboard_address=None)
"""

ENGINES = """
import ipyparallel, time
from async_kernel import Caller, Pending

def fail(n):
    raise ValueError(f"no {n}")

def work(seconds):
    print("work begins", flush=True)
    time.sleep(seconds)

cluster = ipyparallel.Cluster(n=2, log_level=40)
engines = cluster.start_and_connect_sync()
view, balanced = engines[:], engines.load_balanced_view()
"""


@pytest.mark.parametrize("title", ["dask", "ipyparallel"])
def test_the_page(title: str, start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    if title == "ipyparallel":
        kernel.execute("from async_kernel import Caller\ndef square(n): return n * n").ok()
    follow_section(title, kernel)


def values(published: list[Message]) -> list[float]:
    """The values that the bars of widgets have had, in order."""
    contents = [message["content"] for message in published if message["msg_type"] in ("comm_open", "comm_msg")]
    states = [content["data"].get("state", {}) for content in contents]
    return [state["value"] for state in states if isinstance(state.get("value"), float)]


def moves(published: list[Message]) -> None:
    """The one bar has moved, and only forward."""
    found = values(published)
    assert found == sorted(found)
    assert len(set(found)) > 2, found


def test_dask(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(DASK, seconds=SECONDS).ok()

    # What workers write goes to the cell that asks, with `await` and without.
    for word in ("one", "two"):
        cell = kernel.execute(f"client.submit(speak, {word!r}).result()").ok()
        assert (cell.text(), cell.text("stderr")) == (f"{word} to stdout\n", f"{word} to stderr\n")
    cell = kernel.execute("await Caller.to_executor(client.get_executor(), speak, 'three')").ok()
    assert (cell.text(), cell.text("stderr")) == ("three to stdout\n", "three to stderr\n")

    # Bars move: as a widget in the loop of the cells while that is free, in another one while it is not, and as text.
    if backend != "trio":
        asked = kernel.start("futures = client.map(slow, range(16))\nprogress(futures, notebook=True)")
        kernel.finish(asked).ok()
        moves(kernel.publication(asked, lambda message: 1.0 in values([message]), what="the end of the bar"))
    kernel.execute("io = Caller.get('bars', backend='asyncio')").ok()
    code = "futures = client.map(slow, range(20, 36))\nio.call_soon(display, progress(futures, notebook=True))\n"
    hold, let_go = kernel.gate()
    asked = kernel.start(f"{code}client.gather(futures)\n{hold}")
    published = kernel.publication(asked, lambda message: 1.0 in values([message]), what="the end of the bar")
    let_go()
    moves(published + kernel.finish(asked).ok().published)
    cell = kernel.execute("progress(client.map(slow, range(40, 56)), notebook=False)").ok()
    assert len({part for part in cell.text().split("\r") if "Completed" in part}) > 2
    assert "100% Completed" in cell.text()

    # Errors have the line where they were raised.
    for code in ("client.submit(fail, 3).result()", "await Caller.to_executor(client.get_executor(), fail, 4)"):
        cell = kernel.execute(code)
        assert cell.reply["ename"] == "ValueError"
        assert "fail" in plain("\n".join(cell.reply["traceback"]))

    # The wait is interrupted, the work goes on; `or_cancel` ends it with the wait.
    kernel.execute("executor = client.get_executor()").ok()
    for code in (
        "client.gather(client.map(work, [1, 1.1]))",
        "client.submit(work, 1.2).result()",
        "await Caller.to_executor(executor, work, 1.3)",
        "await Caller.to_executor(executor, work, 1.4).or_cancel()",
        "progress(client.map(work, [1.5]), notebook=False)",
    ):
        assert interrupted(kernel, code) == "KeyboardInterrupt", code
    assert kernel.execute("client.submit(pow, 2, 5).result()").ok().result == "32"

    # Nothing is left, although nobody has closed it.
    end_leaving_none(kernel, 2)


def test_a_cluster_of_a_killed_kernel_is_gone(start_kernel: StartKernel) -> None:
    kernel = start_kernel("uvloop")
    kernel.execute(DASK, seconds=SECONDS).ok()
    processes = family(kernel)
    assert len(processes) >= 2
    kernel.expects_stderr = True
    kernel.send_signal(signal.SIGKILL)
    kernel.wait_exit()
    gone(processes)


def interrupted(kernel: KernelDriver, code: str, word: str = "work begins") -> str:
    """The error of a cell that is interrupted once its work has begun elsewhere."""
    asked = kernel.start_until_printed(code, word)
    kernel.request("interrupt_request", channel="control")
    return str(kernel.finish(asked).reply.get("ename"))


def test_dask_in_the_loop_of_the_cells(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    kernel.execute(DASK.partition("client =")[0]).ok()
    started = kernel.execute(
        "client = await Client(n_workers=1, threads_per_worker=1, dashboard_address=None, asynchronous=True)",
        seconds=SECONDS,
    )
    if backend == "trio":
        assert started.reply["ename"] == "RuntimeError"
        assert "This kernel runs trio, and this code is for asyncio." in "".join(started.reply["traceback"])
        return
    started.ok()
    assert kernel.execute("await client.submit(speak, 'far')").ok().text() == "far to stdout\n"
    assert kernel.execute("await client.gather(client.map(slow, range(3)))").ok().result == "[0, 1, 2]"
    assert interrupted(kernel, "await client.submit(work, 1)") == "KeyboardInterrupt"
    assert kernel.execute("await client.submit(pow, 2, 5)").ok().result == "32"
    kernel.execute("await client.close()").ok()


def test_ipyparallel(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    started = kernel.execute(ENGINES, seconds=SECONDS).ok()
    assert len(set(values(started.published))) > 1, "a bar of the engines that have come"

    # What engines print is shown by the cell that has them run, as it comes and at the end. It comes in parts, and what
    # came before ipyparallel listens is one display, which it updates for each engine.
    for code in ("%px print('an engine')", "%%px\nprint('an engine')", "%%px --stream\nprint('an engine')"):
        cell = kernel.execute(code).ok()
        shown = {
            content["data"]["text/plain"]
            for msg_type in ("display_data", "update_display_data")
            for content in cell.contents(msg_type)
        }
        assert shown >= {"[stdout:0] an engine\n", "[stdout:1] an engine\n"}, code
    lines = kernel.execute("%%px --no-stream\nprint('an engine')").ok().text().splitlines()
    assert [line.rstrip() for line in lines] == ["[stdout:0]", "an engine", "[stdout:1]", "an engine"]
    cell = kernel.execute("result = view.apply_async(print, 'later')\nresult.get()\nresult.display_outputs()").ok()
    assert cell.text().count("later\n") == 2

    # A bar moves.
    cell = kernel.execute(
        "result = balanced.map_async(lambda n: __import__('time').sleep(0.3), range(6))\nresult.wait_interactive()"
    ).ok()
    moved = values(cell.published)
    assert moved == sorted(moved)
    assert moved[-1] == 6

    # Errors, with and without `await`.
    for code in ("view.apply_sync(fail, 3)", "await Caller.to_executor(balanced.executor, fail, 4)"):
        cell = kernel.execute(code)
        assert cell.status == "error"
        assert "ValueError" in plain("\n".join(cell.reply["traceback"])), code

    # Interrupts: ipyparallel's own functions give back what they wait for.
    for code, name in {
        "print('work begins', flush=True)\nview.apply_async(time.sleep, 1).get()": "KeyboardInterrupt",
        "print('work begins', flush=True)\nview.map_sync(time.sleep, [1, 1])": "None",
        "print('work begins', flush=True)\nawait Pending.of(view.apply_async(time.sleep, 1))": "KeyboardInterrupt",
    }.items():
        assert interrupted(kernel, code) == name, code
    asked = kernel.start("%%px --stream\nprint('work begins', flush=True)\nimport time\ntime.sleep(600)")
    for _ in range(2):
        kernel.publication(asked, lambda message: "work begins" in str(message["content"].get("data")))
    kernel.request("interrupt_request", channel="control")
    assert "Sending signal SIGINT to engines" in kernel.finish(asked).ok().text("stderr")
    assert kernel.execute("view.apply_sync(pow, 2, 5)").ok().result == "[32, 32]"

    # Its processes have sessions of their own: what stops them is ipyparallel.
    processes = family(kernel)
    assert len(processes) > 4
    kernel.execute("cluster.stop_cluster_sync()", seconds=SECONDS).ok()
    gone(processes)
