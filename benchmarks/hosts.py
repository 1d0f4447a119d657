"""How fairly a host and its guest share the main thread.

    xvfb-run -a python benchmarks/hosts.py [--seconds 5] [--json FILE]

For each host and backend, in a process of its own: how late a 10 ms timer of the toolkit and a 10 ms timer of the guest
come (median, 99th percentile, worst; ms) while the guest idles, while it awaits, and while another thread has it run
small pieces of work one after the other; what such a round trip takes; how long a signal takes to reach its Python
handler; and how much of a processor the idle process uses with a window open and no timer set.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import anyio.lowlevel

INTERVAL = 0.01
HOSTS = ("none", "tk", "qt")
BACKENDS = ("asyncio", "trio")


def summary(late: list[float]) -> dict[str, float]:
    """Median, 99th percentile and worst of seconds, in ms."""
    if len(late) < 2:
        return {"median": float("nan"), "p99": float("nan"), "worst": float("nan"), "count": len(late)}
    return {
        "median": round(statistics.median(late) * 1000, 2),
        "p99": round(statistics.quantiles(late, n=100, method="inclusive")[98] * 1000, 2),
        "worst": round(max(late) * 1000, 2),
        "count": len(late),
    }


class GuiTimer:
    """A 10 ms timer of the toolkit; `late` gathers how much later than due each tick came."""

    def __init__(self, host: str) -> None:
        self.host, self.late = host, [0.0]
        self.last = time.perf_counter()
        if host == "tk":
            import tkinter

            self.window: Any = tkinter.Tk()
        elif host == "qt":
            from PySide6 import QtCore, QtWidgets

            self.window = QtWidgets.QPushButton("window")
            self.window.show()
            self.timer: Any = QtCore.QTimer()
            self.timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
            self.timer.timeout.connect(self.tick)

    def tick(self) -> None:
        now = time.perf_counter()
        self.late.append(max(0.0, now - self.last - INTERVAL))
        self.last = now
        if self.host == "tk":
            self.timer = self.window.after(10, self.tick)

    def start(self) -> None:
        self.late.clear()
        self.last = time.perf_counter()
        if self.host == "tk":
            self.timer = self.window.after(10, self.tick)
        elif self.host == "qt":
            self.timer.start(10)

    def stop(self) -> None:
        if self.host == "tk":
            self.window.after_cancel(self.timer)
        elif self.host == "qt":
            self.timer.stop()


async def async_timer(late: list[float]) -> None:
    """A 10 ms timer of the guest, until cancelled."""
    while True:
        start = time.perf_counter()
        await anyio.sleep(INTERVAL)
        late.append(max(0.0, time.perf_counter() - start - INTERVAL))


async def idle(seconds: float) -> None:
    """The guest waits for one thing far away."""
    await anyio.sleep(seconds)


async def awaiting(seconds: float) -> None:
    """The guest has a hundred tasks that each await again and again."""

    async def task(number: int) -> None:
        while True:  # noqa: ASYNC110 - waiting is the work
            await anyio.sleep(0.01 + number / 10_000)

    with anyio.move_on_after(seconds):
        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(task, number)


def cells(trips: list[float]) -> Callable[[float], Coroutine[Any, Any, None]]:
    """Another thread has the guest run small pieces of code, each when the one before has been answered."""

    async def cell() -> None:
        exec("x = sum(range(100))", {})  # a benchmark's stand-in for a cell
        await anyio.lowlevel.checkpoint()

    async def run(seconds: float) -> None:
        def send() -> None:
            end = time.perf_counter() + seconds
            while (start := time.perf_counter()) < end:
                anyio.from_thread.run(cell)
                trips.append(time.perf_counter() - start)

        await anyio.to_thread.run_sync(send)

    return run


async def signals() -> list[float]:
    """Seconds from sending a signal to its Python handler, while everything idles."""
    delays: list[float] = []
    handled = threading.Event()

    def send() -> None:
        for _ in range(50):
            time.sleep(0.02)
            start = time.perf_counter()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
            handled.wait(5)
            delays.append(time.perf_counter() - start)
            handled.clear()

    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    await anyio.to_thread.run_sync(send)
    signal.signal(signal.SIGUSR1, before)
    return delays


def measure(host: str, backend: str, seconds: float) -> dict[str, Any]:
    """All figures of one combination, measured in this process."""
    from async_kernel.loops.plan import Plan
    from async_kernel.loops.run import run

    figures: dict[str, Any] = {}

    async def main() -> None:
        timer, trips = GuiTimer(host), list[float]()
        await anyio.sleep(0.5)
        start = time.process_time()
        await anyio.sleep(seconds)
        figures["idle CPU %"] = round((time.process_time() - start) / seconds * 100, 2)
        for name, state in {"idle": idle, "awaiting": awaiting, "cells": cells(trips)}.items():
            late: list[float] = []
            timer.start()
            async with anyio.create_task_group() as group:
                group.start_soon(async_timer, late)
                await state(seconds)
                group.cancel_scope.cancel()
            timer.stop()
            figures[f"gui timer, {name}"] = summary(timer.late)
            figures[f"async timer, {name}"] = summary(late)
        figures["round trip"] = summary(trips)
        figures["signal"] = summary(await signals())

    loop = "asyncio" if backend == "asyncio" else ""
    run(Plan(backend, loop, None if host == "none" else host, {}, {}, {}), main)
    return figures


def main() -> None:
    """Measure each combination in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0, help="how long each state is watched")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--one", nargs=2, metavar=("HOST", "BACKEND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.one[0], options.one[1], options.seconds)))
        return
    results: dict[str, dict[str, Any]] = {}
    for host in HOSTS:
        for backend in BACKENDS:
            command = [sys.executable, __file__, "--one", host, backend, "--seconds", str(options.seconds)]
            out = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60 + 10 * options.seconds)
            results[f"{host} {backend}"] = json.loads(out.stdout)
            print(f"{host} {backend}", file=sys.stderr, flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    names = list(results)
    print(f"median / 99th percentile / worst, ms; {os.cpu_count()} processors\n")
    print("| | " + " | ".join(names) + " |\n|---" * 1 + "|---" * len(names) + "|")
    for row in results[names[0]]:
        cells_of_row = (results[name][row] for name in names)
        print(f"| {row} | " + " | ".join(show(cell) for cell in cells_of_row) + " |")


def show(figure: Any) -> str:
    """One cell of the table."""
    if isinstance(figure, dict):
        if figure["count"] < 2:
            return "-"
        return f"{figure['median']:.2f} / {figure['p99']:.2f} / {figure['worst']:.1f}"
    return str(figure)


if __name__ == "__main__":
    main()
