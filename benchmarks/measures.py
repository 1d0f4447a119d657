"""The measures: what is done with a fresh kernel, and the figures that come out.

Every measure takes the process of a kernel that has just been spawned and the client on it, and returns figures by the
names of `figures.FIGURES`. Every wait has a deadline; a measure that cannot be taken raises
`DeadlineError`. It knows no kernel by name.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from client import Client, DeadlineError
from process import KernelProcess

__all__ = ["MEASURES", "Size"]

START_SECONDS: Final = 30.0
REPLY_SECONDS: Final = 10.0
FLOOD_SECONDS: Final = 60.0
QUIET_SECONDS: Final = 2.0
PROBE_LINES: Final = 1_000
LOGGING_SECONDS: Final = 25.0
INTERRUPT_SECONDS: Final = 5.0
BLOCKED_SECONDS: Final = 0.8

Figures = Mapping[str, float]


class Size(NamedTuple):
    """How much is done: `quick` is for seeing that all works, `full` gives the figures that are published."""

    warmup: int
    executes: int
    pipeline: int
    lines: int
    idle_seconds: float
    growth: int


def start(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """A cold start: spawn to kernel_info_reply, in the same start on to an execute_reply, then shutdown to exit."""
    request, frames = client.build("kernel_info_request", {})
    client.shell.send_multipart(frames)
    info = client.collect([request], START_SECONDS, idle=False)
    second, frames = client.execute("1")
    client.shell.send_multipart(frames)
    executed = client.collect([second], START_SECONDS, idle=False)
    client.check(info)
    client.check(executed)
    client.settle(START_SECONDS)
    _, frames = client.build("shutdown_request", {"restart": False})
    asked = time.perf_counter()
    client.control.send_multipart(frames)
    if not kernel.wait(START_SECONDS):
        raise DeadlineError(f"no exit within {START_SECONDS:.0f} s of a shutdown_request")
    return {
        "start_info": 1000 * (info.replies[request] - kernel.started),
        "start_info_execute": 1000 * (executed.replies[second] - kernel.started),
        "shutdown": 1000 * (kernel.exited - asked),
    }


def first_execute(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """A cold start: spawn to execute_reply, the request being there before the kernel is."""
    request, frames = client.execute("1")
    client.shell.send_multipart(frames)
    exchange = client.collect([request], START_SECONDS, idle=False)
    client.check(exchange)
    return {"start_execute": 1000 * (exchange.replies[request] - kernel.started)}


def idle(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Memory and threads after the first cell, then the processor time of doing nothing."""
    client.settle(START_SECONDS)
    run(client, "1")
    memory, own_memory, threads = kernel.memory(), kernel.own_memory(), kernel.threads()
    # What follows a first cell (history written, caches filled) is not idling.
    time.sleep(0.5)
    before, began = kernel.cpu(), time.perf_counter()
    time.sleep(size.idle_seconds)
    used, passed = kernel.cpu() - before, time.perf_counter() - began
    return {"memory": memory, "own_memory": own_memory, "threads": threads, "idle_cpu": 1000 * used / passed}


def run(client: Client, code: str, *, store_history: bool = False) -> tuple[float, float]:
    """Execute `code`; give the seconds to its reply and to its idle."""
    request, frames = client.execute(code, store_history=store_history)
    sent = time.perf_counter()
    client.shell.send_multipart(frames)
    exchange = client.collect([request], REPLY_SECONDS)
    client.check(exchange)
    return exchange.replies[request] - sent, exchange.idles[request] - sent


def roundtrip(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """One request after the other, not stored in the history."""
    return round_trips(client, size, "roundtrip", store_history=False)


def roundtrip_history(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """One request after the other, stored in the history, as a notebook's cells are."""
    return round_trips(client, size, "history", store_history=True)


def roundtrip_cell(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """One cell of twenty lines after the other, no two alike, stored in the history."""
    return round_trips(client, size, "cell", store_history=True, code=TWENTY_LINES)


TWENTY_LINES: Final = """\
import json, math

def area(radius: float) -> float:
    \"\"\"The area of a circle.\"\"\"
    return math.pi * radius**2

class Point:
    def __init__(self, x: float, y: float) -> None:
        self.x, self.y = x, y

    def distance(self, other: "Point") -> float:
        return math.hypot(self.x - other.x, self.y - other.y)

points = [Point(n, n * n) for n in range(5)]
total = sum(first.distance(second) for first, second in zip(points, points[1:]))
table = {name: round(area(number), 2) for number, name in enumerate("abcdef")}
if total > 100:
    raise ValueError("too far")
text = json.dumps({"total": round(total, 3), "table": table})
len(text)  #"""
"""What a cell of a notebook may look like; a number follows."""


def round_trips(client: Client, size: Size, name: str, *, store_history: bool, code: str = "") -> Figures:
    """Median and 99th percentile of the round trips of `code` and a number, in ms."""
    client.settle(START_SECONDS)
    cells = [f"{code}{number if code else 1}" for number in range(size.warmup + size.executes)]
    times = [run(client, cell, store_history=store_history) for cell in cells][size.warmup :]
    figures: dict[str, float] = {}
    for index, what in enumerate(("reply", "idle")):
        values = [1000 * pair[index] for pair in times]
        figures[f"{name}_{what}"] = statistics.median(values)
        figures[f"{name}_{what}_p99"] = statistics.quantiles(values, n=100, method="inclusive")[98]
    return figures


def pipeline(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Many stored executes sent at once; the time until the last reply and the last idle."""
    client.settle(START_SECONDS)
    for _ in range(size.warmup):
        run(client, "1", store_history=True)
    built = [client.execute("1", store_history=True) for _ in range(size.pipeline)]
    sent = time.perf_counter()
    for _, frames in built:
        client.shell.send_multipart(frames)
    exchange = client.collect([request for request, _ in built], START_SECONDS)
    client.check(exchange)
    return {
        "pipeline_replies": 1000 * (max(exchange.replies.values()) - sent),
        "pipeline_idles": 1000 * (max(exchange.idles.values()) - sent),
    }


def prints(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """A cell that prints many lines, to a client that reads as fast as it can."""
    client.settle(START_SECONDS)
    run(client, "print('warm')")
    return flood(client, "prints", "for i in range({lines}): print(i)\nNone", "stdout", size.lines)


def logging(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """A cell that logs many lines to stderr.

    A kernel that would take more than `LOGGING_SECONDS` logs fewer; how many it did is a figure.
    """
    client.settle(START_SECONDS)
    run(client, "import logging; logging.basicConfig(level=logging.INFO, format='%(message)s', force=True)")
    code = "for i in range({lines}): logging.info(i)\nNone"
    rate = flood(client, "probe", code, "stderr", PROBE_LINES)["probe_rate"]
    lines = max(PROBE_LINES, min(size.lines, int(rate * LOGGING_SECONDS) // 1000 * 1000))
    return flood(client, "logging", code, "stderr", lines)


def flood(client: Client, name: str, code: str, stream: str, lines: int) -> Figures:
    """Run `code`, which writes the numbers below `lines` to `stream`, and see what of it arrives.

    The rate counts from the request until reply, idle and the last line are there, or, where some of these never come,
    until the last message that did. `code` must end in an expression: xeus-python's raw mode skips a loop at the end of
    a cell.
    """
    request, frames = client.execute(code.format(lines=lines))
    sent = time.perf_counter()
    client.shell.send_multipart(frames)
    exchange = client.collect([request], FLOOD_SECONDS, quiet=QUIET_SECONDS)
    if request not in exchange.replies:
        raise DeadlineError(f"{lines} lines: no reply within {FLOOD_SECONDS:.0f} s")
    client.check(exchange)
    texts: list[str] = []
    times: list[float] = []
    for arrival in exchange.iopub:
        if arrival.parent == request:
            kind, content = client.read(arrival)
            if kind == "stream" and content["name"] == stream:
                texts.append(content["text"])
                times.append(arrival.time)
    received = len(set("".join(texts).split("\n")) & {str(number) for number in range(lines)})
    return {
        f"{name}_rate": received / (exchange.last - sent),
        f"{name}_first": 1000 * (times[0] - sent) if times else float("nan"),
        f"{name}_messages": len(texts),
        f"{name}_sent": lines,
        f"{name}_lost": lines - received,
        f"{name}_idle": float(request in exchange.idles),
    }


def control(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """kernel_info on the control channel, one after the other."""
    client.settle(START_SECONDS)
    times: list[float] = []
    for _ in range(size.warmup + size.executes):
        times.append(ask_control(client, "kernel_info_request"))
    return {"control_info": 1000 * statistics.median(times[size.warmup :])}


def ask_control(client: Client, kind: str) -> float:
    """The seconds to the answer of a request without content on the control channel."""
    _, frames = client.build(kind, {})
    sent = time.perf_counter()
    client.control.send_multipart(frames)
    if not client.control.poll(int(1000 * REPLY_SECONDS)):
        raise DeadlineError(f"no answer to {kind} within {REPLY_SECONDS:.0f} s")
    passed = time.perf_counter() - sent
    client.drain(client.control)
    return passed


def completion(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Completions of an attribute: the first, and the median of those that follow."""
    client.settle(START_SECONDS)
    run(client, "import os")
    times = [complete(client) for _ in range(1 + max(5, size.executes // 10))]
    return {"completion_first": 1000 * times[0], "completion": 1000 * statistics.median(times[1:])}


def complete(client: Client) -> float:
    """The seconds to the reply with the completions of `os.path.jo`."""
    code = "os.path.jo"
    request, frames = client.build("complete_request", {"code": code, "cursor_pos": len(code)})
    sent = time.perf_counter()
    client.shell.send_multipart(frames)
    exchange = client.collect([request], REPLY_SECONDS, idle=False)
    client.check(exchange)
    return exchange.replies[request] - sent


def bulk(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Text in pieces of 1 MB, and messages with something to display."""
    client.settle(START_SECONDS)
    run(client, "import sys; from IPython.display import display; print('warm')")
    rates = {"bulk_rate": ("sys.stdout.write", "'x' * 999_999 + '\\n'", 50), "display_rate": ("show", "str(i)", 2000)}
    run(client, "def show(text): display({'text/plain': text}, raw=True)")
    figures: dict[str, float] = {}
    for name, (function, text, count) in rates.items():
        request, frames = client.execute(f"for i in range({count}): {function}({text});\nNone")
        sent = time.perf_counter()
        client.shell.send_multipart(frames)
        exchange = client.collect([request], FLOOD_SECONDS, quiet=QUIET_SECONDS)
        client.check(exchange)
        figures[name] = count / (exchange.last - sent)
    return figures


def comm(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Messages of a comm that are sent back: small ones, and 10 MB."""
    client.settle(START_SECONDS)
    run(client, ECHO)
    _, frames = client.build("comm_open", {"comm_id": "c", "target_name": "echo", "data": {}})
    client.shell.send_multipart(frames)
    small = [echo(client) for _ in range(size.warmup + size.executes)][size.warmup :]
    large = [echo(client, bytes(10_000_000)) for _ in range(6)][1:]
    return {"comm": 1000 * statistics.median(small), "comm_rate": 0.02 / statistics.median(large)}


ECHO: Final = """
def opened(one, message):
    one.on_msg(lambda message: one.send(message["content"]["data"], buffers=message.get("buffers")))

get_ipython().kernel.comm_manager.register_target("echo", opened)
"""


def echo(client: Client, buffer: bytes = b"") -> float:
    """The seconds to a comm message's way there and back."""
    _, frames = client.build("comm_msg", {"comm_id": "c", "data": {}})
    sent = time.perf_counter()
    client.shell.send_multipart([*frames, *([buffer] if buffer else [])])
    return client.until("comm_msg", "", REPLY_SECONDS).time - sent  # not every kernel says what it answers


HANGING: Final = {
    "loop": "while True: pass",
    "sleep": "import time; time.sleep(60)",
    "await": "await sleep(60)",
}

SLEEP: Final = """
import asyncio, contextlib
from asyncio import sleep
try:
    asyncio.get_running_loop()
except RuntimeError:
    with contextlib.suppress(ImportError):
        from trio import sleep
"""
"""Binds `sleep` of the loop that runs the cells: asyncio's, of which trio would make an error at once."""


def interrupts(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Interrupts by message: from sending one to the error reply. The first cell that none ends is the last."""
    client.settle(START_SECONDS)
    figures: dict[str, float] = {}
    run(client, SLEEP)
    for name, code in HANGING.items():
        times: list[float] = []
        for _ in range(1 + max(3, size.executes // 60)):
            request, frames = client.execute(f"print('go', flush=True)\n{code}")
            client.shell.send_multipart(frames)
            try:
                client.until("stream", request, REPLY_SECONDS)
                time.sleep(0.05)
                sent = time.perf_counter()
                client.control.send_multipart(client.build("interrupt_request", {})[1])
                exchange = client.collect([request], INTERRUPT_SECONDS, idle=False)
            except DeadlineError:
                return figures
            times.append(exchange.replies[request] - sent)
        figures[f"interrupt_{name}"] = 1000 * statistics.median(times[1:])
    return figures


def blocked(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """While a cell blocks its thread: a completion, and the echo of a comm. No figure for what waits for its end."""
    client.settle(START_SECONDS)
    run(client, ECHO + "\nimport os, time")
    complete(client)
    _, frames = client.build("comm_open", {"comm_id": "c", "target_name": "echo", "data": {}})
    client.shell.send_multipart(frames)
    echo(client)
    figures: dict[str, float] = {}
    asked: dict[str, Callable[[Client], float]] = {"completion": complete, "comm": echo}
    for name, ask in asked.items():
        times: list[float] = []
        for _ in range(4):
            request, frames = client.execute(f"print('go', flush=True); time.sleep({BLOCKED_SECONDS})")
            client.shell.send_multipart(frames)
            client.until("stream", request, REPLY_SECONDS)
            time.sleep(0.05)
            with suppress(DeadlineError):
                times.append(ask(client))
            time.sleep(BLOCKED_SECONDS)
            client.drain(client.shell)
            client.drain(client.iopub)
        if times and statistics.median(times) < BLOCKED_SECONDS / 2:
            figures[f"blocked_{name}"] = 1000 * statistics.median(times)
    return figures


def growth(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """What 1,000 executes that are not stored leave in memory."""
    client.settle(START_SECONDS)
    for _ in range(size.growth):
        run(client, "print('x')")
    before = kernel.own_memory()
    for _ in range(size.growth):
        run(client, "print('x')")
    return {"growth": 1e6 * (kernel.own_memory() - before) / size.growth}


def instructions(kernel: KernelProcess, client: Client, size: Size) -> Figures:
    """Instructions of a request in thousands, of all threads outside the system: the kernel runs under callgrind.

    The only figure of these that a busy machine does not change.
    """
    client.settle(10 * START_SECONDS)
    time.sleep(8)  # what a kernel prepares after its start
    requests = 100
    for _ in range(20):
        run(client, "pass")
    kernel.count_instructions()
    for _ in range(requests):
        run(client, "pass")
    figures = {"instructions_execute": kernel.count_instructions()}
    built = [client.execute("pass") for _ in range(requests)]
    for _, frames in built:
        client.shell.send_multipart(frames)
    client.check(client.collect([request for request, _ in built], 10 * START_SECONDS))
    figures["instructions_pipeline"] = kernel.count_instructions()
    for _ in range(requests):
        ask_control(client, "kernel_info_request")
    figures["instructions_info"] = kernel.count_instructions()
    return {name: count / requests / 1000 for name, count in figures.items()}


MEASURES: Final[Mapping[str, Callable[[KernelProcess, Client, Size], Figures]]] = {
    function.__name__: function
    for function in (
        start,
        first_execute,
        roundtrip,
        roundtrip_history,
        roundtrip_cell,
        pipeline,
        control,
        completion,
        prints,
        logging,
        bulk,
        comm,
        interrupts,
        blocked,
        idle,
        growth,
        instructions,
    )
}
