"""Row 5: what threads, executors, timers and tasks print and display belongs to the cell that started them."""

# ruff: noqa: B023  (the functions that close over a turn of a loop are called within that turn)

from __future__ import annotations

from typing import NamedTuple

from ..kernel import Backend, Kernel, Subject
from ..probe import Missed, Outcome, passed, probe

ASYNCIO: tuple[Backend, ...] = ("asyncio",)
TRIO: tuple[Backend, ...] = ("trio",)
BOTH: tuple[Backend, ...] = ("asyncio", "trio")

SETUP = """
import threading, time, sys, concurrent.futures
from IPython.display import display
go, said = threading.Event(), threading.Event()
def speak():
    go.wait(20)
    print('from A')
    display('from A')
    said.set()
"""


class Starter(NamedTuple):
    """A way to start something that speaks later: `code` starts `speak` from cell A."""

    name: str
    code: str
    backends: tuple[Backend, ...] = BOTH


STARTERS = (
    Starter("thread", "threading.Thread(target=speak).start()"),
    Starter("thread-in-thread", "threading.Thread(target=lambda: threading.Thread(target=speak).start()).start()"),
    Starter("executor", "pool = concurrent.futures.ThreadPoolExecutor(1)\npool.submit(speak)"),
    Starter("executor-map", "pool = concurrent.futures.ThreadPoolExecutor(1)\npool.map(lambda n: speak(), [1])"),
    Starter("timer", "threading.Timer(0.05, speak).start()"),
    Starter("to_thread", "import asyncio\ntask = asyncio.create_task(asyncio.to_thread(speak))", ASYNCIO),
    Starter("run_in_executor", "import asyncio\nasyncio.get_running_loop().run_in_executor(None, speak)", ASYNCIO),
    Starter(
        "task",
        "import asyncio\nasync def later():\n    while not go.is_set(): await asyncio.sleep(0.01)\n    speak()\n"
        "task = asyncio.create_task(later())",
        ASYNCIO,
    ),
    Starter(
        "call_later",
        "import asyncio\nloop = asyncio.get_running_loop()\n"
        "def look(): speak() if go.is_set() else loop.call_later(0.01, look)\nloop.call_later(0.01, look)",
        ASYNCIO,
    ),
    Starter(
        "trio-task",
        "import trio\nasync def later():\n    while not go.is_set(): await trio.sleep(0.01)\n    speak()\n"
        "nursery = await trio.open_nursery().__aenter__()\nnursery.start_soon(later)",
        TRIO,
    ),
)


def _enter(starter: Starter) -> None:
    @probe(5, f"output-{starter.name}", f"{starter.name}: output in the cell that started it", starter.backends)
    def _(subject: Subject) -> Outcome:
        with Kernel(subject) as kernel:
            client = kernel.client
            kernel.need(SETUP)
            kernel.need("print('before')")
            a = kernel.need("print('start A')\n" + starter.code).id
            library = subject.backend
            b = client.execute(
                f"import {library}\nprint('start B')\ngo.set()\nend = time.monotonic() + 5\n"
                f"while not said.is_set() and time.monotonic() < end: await {library}.sleep(0.01)\n"
                "print('end B', said.is_set())"
            )
            ended = kernel.finish(b)
            if "end B True" not in ended.text:
                raise Missed(f"it never spoke: cell B gave {ended.error or ended.text!r}")
            kernel.need("pass")
            try:
                client.wait(
                    lambda: "from A" in client.text(a) and "'from A'" in client.displayed(a), 2, "output in cell A"
                )
            except Missed:
                printed = [_name(kernel, m.parent, a, b) for m in client.messages
                           if m.msg_type == "stream" and "from A" in m.content["text"]]  # fmt: skip
                shown = [_name(kernel, m.parent, a, b) for m in client.messages
                         if m.msg_type == "display_data" and "from A" in str(m.content)]  # fmt: skip
                raise Missed(f"print went to {printed or 'nowhere'}, display to {shown or 'nowhere'}") from None
            if client.text(b) != "start B\nend B True\n":
                raise Missed(f"cell B shows {client.text(b)!r}")
        return passed()


def _name(kernel: Kernel, parent: str, a: str, b: str) -> str:
    return {a: "cell A", b: "cell B", "": "no cell"}.get(parent, "another cell")


for _starter in STARTERS:
    _enter(_starter)


@probe(5, "output-pool-reused", "a pool that outlives cells: each job speaks in the cell that submitted it")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import concurrent.futures\npool = concurrent.futures.ThreadPoolExecutor(1)")
        for number in range(5):
            cell = kernel.need(f"pool.submit(print, 'job {number}').result()")
            kernel.client.wait(
                lambda: cell.id and f"job {number}\n" == kernel.client.text(cell.id), 2, "output of a job"
            )
    return passed()


@probe(5, "output-two-threads", "threads of two cells print at once, each line whole and in its own cell")
def _(subject: Subject) -> Outcome:
    start = (
        "import threading, time\ndef count(name):\n    for n in range(200):\n        print(name, n)\n"
        "        time.sleep(0.001)\n{name} = threading.Thread(target=count, args=['{name}'])\n{name}.start()"
    )
    with Kernel(subject) as kernel:
        cells = {name: kernel.need(start.format(name=name)).id for name in ("one", "two")}
        kernel.need("one.join(); two.join()")
        for name, request in cells.items():
            wanted = [f"{name} {n}" for n in range(200)]
            try:
                kernel.client.wait(lambda: kernel.client.text(request).splitlines() == wanted, 3, "all lines")
            except Missed:
                lines = kernel.client.text(request).splitlines()
                own = [line for line in lines if line in set(wanted)]
                raise Missed(
                    f"cell {name}: {len(own)} of 200 lines of its own, {len(lines) - len(own)} others"
                ) from None
    return passed()


@probe(5, "output-logging-handler", "a logging handler made in one cell writes into the cell that logs")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need(
            "import logging, sys\nlogging.basicConfig(level=20, stream=sys.stderr, format='%(message)s', force=True)"
        )
        for number in range(3):
            cell = kernel.need(f"logging.info('log {number}')")
            kernel.client.wait(lambda: kernel.client.text(cell.id, "stderr") == f"log {number}\n", 2, "the log line")
    return passed()


@probe(5, "output-follow", "async_kernel.follow_current_cell(): a long-lived thread speaks in the current cell")
def _(subject: Subject) -> Outcome:
    setup = """
import threading, queue
jobs, done = queue.Queue(), queue.Queue()
def serve():
    import async_kernel
    async_kernel.follow_current_cell()
    while True:
        print(jobs.get())
        done.put(1)
threading.Thread(target=serve, daemon=True).start()
"""
    with Kernel(subject) as kernel:
        has = kernel.run("import async_kernel; async_kernel.follow_current_cell")
        if not has.ok:
            raise Missed(f"no such call: {has.error}")
        kernel.need(setup)
        for number in range(3):
            cell = kernel.need(f"jobs.put('job {number}'); done.get(timeout=5)")
            kernel.client.wait(
                lambda: kernel.client.text(cell.id) == f"job {number}\n", 2, "output in the current cell"
            )
    return passed()


@probe(5, "output-exception-in-thread", "the traceback of a thread belongs to the cell that started it")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need("import threading\ngo = threading.Event()")
        a = kernel.need(
            "def fail():\n    go.wait(10)\n    raise ValueError('from A')\nt = threading.Thread(target=fail)\nt.start()"
        )
        b = kernel.need("go.set(); t.join()")
        client.wait(lambda: "ValueError" in client.text(a.id, "stderr"), 2, "the traceback in cell A")
        if client.text(b.id, "stderr"):
            raise Missed("the traceback is in cell B too")
    return passed()
