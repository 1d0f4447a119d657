"""What a host costs a whole kernel, and how fairly it shares: `hosts.py` with cells, a client and processes.

    xvfb-run -a python benchmarks/host_kernels.py [--seconds 5] [--only HOST ...] [--json FILE]

For each host and backend, beside kernels without a host: how late a 10 ms timer of the toolkit and one of the backend
come (median / 99th percentile / worst, ms) while the kernel idles, while a cell awaits, and while 1,000 small cells
run; what the round trip of such a cell takes; how long an interrupt takes from its sending to the reply of the cell;
how long a shutdown takes with a window open; how much of a processor the idle kernel uses.

Each figure has a limit; what is over its limit is named at the end, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from client import Client
from hosts import BACKENDS, HOSTS, show, summary
from process import KernelProcess

PATIENCE = 30.0
"""Seconds that any one answer may take."""

CELLS = 1000
INTERRUPTS = 10

JITTER_MS = 20.0
"""How late a timer may come, at the 99th percentile."""
INTERRUPT_MS = 150.0
"""How long the slowest interrupt may take."""
SHUTDOWN_S = 1.0
IDLE_CPU = 1.0
TIMES_NO_HOST = 3.0
"""How many times the median round trip without a host a round trip may take; the same backend, the same run."""

PREPARE = """
import sys; sys.path.insert(0, {folder!r})
import json, {library}
from hosts import GuiTimer, async_timer, summary
gui, late = GuiTimer({host!r}), []
def begin():
    global task
    late.clear()
    gui.start()
    task = {start}
def end():
    task.cancel()
    gui.stop()
    print(json.dumps([summary(gui.late), summary(late)]))
"""

START = {
    "asyncio": "asyncio.create_task(async_timer(late))",
    "trio": "trio.CancelScope(); trio.lowlevel.spawn_system_task(within, task)",
}
WITHIN = """
async def within(scope):
    with scope:
        await async_timer(late)
"""

SHAPES = {
    "blocking": "import time; time.sleep(60)",
    "computing": "while True: pass",
    "awaiting": "import {library}; await {library}.sleep(60)",
}


class Kernel:
    """A running kernel and its client."""

    def __init__(self, process: KernelProcess, client: Client) -> None:
        self.process, self.client = process, client

    def execute(self, code: str) -> tuple[float, str]:
        """Run a cell; the seconds until its reply, and what it printed."""
        request, frames = self.client.execute(code)
        start = time.perf_counter()
        self.client.shell.send_multipart(frames)
        exchange = self.client.collect([request], PATIENCE)
        self.client.check(exchange)
        contents = [content for kind, content in map(self.client.read, exchange.iopub) if kind == "stream"]
        return exchange.replies[request] - start, "".join(content["text"] for content in contents)

    def interrupt(self, code: str) -> float:
        """Seconds from an interrupt of a cell to its reply."""
        request, frames = self.client.execute(code)
        self.client.shell.send_multipart(frames)
        time.sleep(0.1)  # until it runs
        start = time.perf_counter()
        self.client.control.send_multipart(self.client.build("interrupt_request", {})[1])
        return self.client.collect([request], PATIENCE).replies[request] - start

    def shut_down(self) -> float:
        """Seconds until the process has ended."""
        start = time.perf_counter()
        self.client.control.send_multipart(self.client.build("shutdown_request", {"restart": False})[1])
        if not self.process.wait(PATIENCE):
            raise TimeoutError("the kernel lives on")
        return self.process.exited - start


def measure(host: str, backend: str, seconds: float, folder: Path) -> dict[str, Any]:
    """All figures of one combination."""
    options = ["--backend_options={'use_uvloop':False}"] if backend == "asyncio" else []
    options += [f"--host={host}"] if host != "none" else []
    argv = [sys.executable, "-m", "async_kernel", "-f", "{connection_file}", f"--backend={backend}", *options]
    figures: dict[str, Any] = {}
    with KernelProcess(argv, {}, Path(sys.prefix), folder, {}) as process:
        client = Client(process.connection)
        try:
            client.settle(PATIENCE)
            kernel = Kernel(process, client)
            here = str(Path(__file__).resolve().parent)
            library = "trio" if backend == "trio" else "asyncio"
            prepare = PREPARE.format(folder=here, library=library, host=host, start=START[backend])
            kernel.execute(prepare + (WITHIN if backend == "trio" else ""))
            time.sleep(1)
            used = process.cpu()
            time.sleep(seconds)
            figures["idle CPU, %"] = round((process.cpu() - used) / seconds * 100, 2)
            watch(kernel, library, seconds, figures)
            for shape, code in SHAPES.items():
                took = [kernel.interrupt(code.format(library=library)) for _ in range(INTERRUPTS + 1)]
                figures[f"interrupt, {shape}"] = summary(took[1:])  # the first imports what shows errors
            figures["shutdown, s"] = round(kernel.shut_down(), 2)
            figures["words on stderr"] = len(process.log.read_text().split())
        finally:
            client.close()
    return figures


def watch(kernel: Kernel, library: str, seconds: float, figures: dict[str, Any]) -> None:
    """The timers and round trips in the three states."""
    trips: list[float] = []

    def cells() -> None:
        trips.extend(kernel.execute(f"x = {number}")[0] for number in range(CELLS))

    states = {
        "idle": lambda: time.sleep(seconds),
        "awaiting": lambda: kernel.execute(f"await {library}.sleep({seconds})"),
        "cells": cells,
    }
    for name, state in states.items():
        kernel.execute("begin()")
        state()
        gui, late = json.loads(kernel.execute("end()")[1])
        figures[f"gui timer, {name}"], figures[f"async timer, {name}"] = gui, late
    figures["round trip"] = summary(trips)


def broken(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """What is over its limit, as lines of text. Kernels without a host are there to compare with, and have none."""
    for name, figures in results.items():
        host, _, backend = name.partition(" ")
        if host == "none":
            continue
        alone = results.get(f"none {backend}", {}).get("round trip", {}).get("median", float("inf"))
        for row, figure in figures.items():
            limits: dict[str, Callable[[Any], bool]] = {
                "gui": lambda it: it["p99"] >= JITTER_MS,
                "async": lambda it: it["p99"] >= JITTER_MS,
                "interrupt,": lambda it: it["worst"] >= INTERRUPT_MS,
                "round": partial(_is_slow, TIMES_NO_HOST * alone),
                "shutdown,": lambda it: it >= SHUTDOWN_S,
                "idle": lambda it: it >= IDLE_CPU,
                "words": bool,
            }
            if limits[row.partition(" ")[0]](figure):
                yield f"{name}: {row}: {show(figure)}"


def _is_slow(limit: float, figures: Mapping[str, float]) -> bool:
    return figures["median"] >= limit


def table(results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The lines of the table, in Markdown."""
    yield "| | " + " | ".join(results) + " |"
    yield "|---" * (len(results) + 1) + "|"
    for row in next(iter(results.values())):
        yield f"| {row} | " + " | ".join(show(figures[row]) for figures in results.values()) + " |"


def main() -> int:
    """Measure each combination in turn, print the table and what is over its limit; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long idling and awaiting are watched")
    parser.add_argument("--only", nargs="+", choices=HOSTS, default=HOSTS, metavar="HOST", help="none, tk, qt")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    options = parser.parse_args()
    results: dict[str, dict[str, Any]] = {}
    load = [round(os.getloadavg()[0], 2)]
    for host in options.only:
        for backend in BACKENDS:
            with tempfile.TemporaryDirectory() as folder:
                results[f"{host} {backend}"] = measure(host, backend, options.seconds, Path(folder))
            print(f"{host} {backend}", file=sys.stderr, flush=True)
    load.append(round(os.getloadavg()[0], 2))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    print(f"median / 99th percentile / worst, ms; {os.cpu_count()} processors, load before and after {load}\n")
    print("\n".join(table(results)))
    over = list(broken(results))
    print("\nover the limit:\n" + "\n".join(over) if over else "\neverything within its limit")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
