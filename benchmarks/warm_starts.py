"""Starts of this checkout's kernel by a server's process: cold, and warm by the provisioner `async-warm`, in turn.

    python benchmarks/warm_starts.py [--starts N] [--backend asyncio|trio] [--soak]

Prints the times in milliseconds from `KernelManager.start_kernel()` to its return, to the first kernel_info_reply and
to the first execute_reply: median, first quartile and least. `--soak` starts and restarts warm kernels only, with a
cell after each, and fails where one hangs, starts cold, or gives a random value that another one has given.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from ast import literal_eval
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

from async_kernel.warm.pool import pool_for

DEADLINE = 60.0
INTERFACE = "async_kernel.interface.start_kernel_zmq_interface"
RANDOM = "(__import__('uuid').uuid4().hex, __import__('random').random(), hash('text'))"


def process_of(manager: KernelManager) -> Any:
    """The process of the kernel that a manager has started."""
    provisioner: Any = manager.provisioner
    return provisioner.process


def make_manager(backend: str, warm: bool) -> KernelManager:
    """A manager of a spec as `async-kernel -a` writes it."""
    argv = [sys.executable, "-m", "async_kernel", "-f", "{connection_file}"]
    argv += [f"--start_interface={INTERFACE}", "--kernel_name=async", f"--backend={backend}"]
    metadata = {"kernel_provisioner": {"provisioner_name": "async-warm", "config": {"standbys": 1}}} if warm else {}
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="async", language="python", metadata=metadata)
    return manager


def wait_filled(manager: KernelManager) -> int:
    """Wait until a process is ready; its id."""
    assert manager.kernel_spec is not None
    pool = pool_for(manager.kernel_spec.argv)
    end = time.monotonic() + DEADLINE
    while not pool.ready:
        if time.monotonic() > end:
            raise TimeoutError("no process is ready")
        time.sleep(0.05)
    return pool.ready[0].process.pid


def timed_start(backend: str, warm: bool) -> list[float]:
    """Start a kernel and end it: milliseconds to the return, to kernel_info and to the first execute."""
    manager = make_manager(backend, warm)
    expected = wait_filled(manager) if warm else None
    began = time.perf_counter()
    manager.start_kernel()
    returned = time.perf_counter()
    client = manager.blocking_client()
    client.start_channels()
    client.kernel_info(reply=True, timeout=DEADLINE)
    informed = time.perf_counter()
    client.execute("1", reply=True, timeout=DEADLINE)
    executed = time.perf_counter()
    try:
        if expected is not None and process_of(manager).pid != expected:
            raise RuntimeError("a start that should have been warm was cold")
    finally:
        close(manager, client)
    return [1000 * (moment - began) for moment in (returned, informed, executed)]


def start(backend: str) -> tuple[KernelManager, Any]:
    """A manager of warm starts whose kernel has been started, and a client."""
    manager = make_manager(backend, True)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    return manager, client


def close(manager: KernelManager, client: Any) -> None:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.cleanup_resources()


def compare(backend: str, starts: int) -> None:
    """Cold and warm starts in turn."""
    first = make_manager(backend, True)  # the pool is made by the first start
    first.start_kernel()
    wait_filled(first)
    first.shutdown_kernel(now=True)
    times: dict[bool, list[list[float]]] = {False: [], True: []}
    for _ in range(starts):
        for warm in (False, True):
            times[warm].append(timed_start(backend, warm))
    print(f"{backend}, {starts} starts each, ms: median, first quartile, least")
    for warm, name in ((False, "cold"), (True, "warm")):
        columns = []
        for values in zip(*times[warm], strict=True):
            quartile = statistics.quantiles(values, n=4)[0]
            columns.append(f"{statistics.median(values):7.1f} {quartile:7.1f} {min(values):7.1f}")
        print(f"{name}   start_kernel {columns[0]}   kernel_info {columns[1]}   execute {columns[2]}")


def soak(backend: str, starts: int) -> None:
    """Warm starts and restarts, one after the other."""
    manager, client = start(backend)
    seen: set[object] = set()
    for number in range(starts):
        expected = wait_filled(manager)
        if number % 2:
            manager.restart_kernel(now=True)
        else:
            close(manager, client)
            manager, client = start(backend)
        assert process_of(manager).pid == expected, "it started cold"
        client.wait_for_ready(timeout=DEADLINE)
        reply = client.execute("", user_expressions={"it": RANDOM}, reply=True, timeout=DEADLINE)
        values = literal_eval(reply["content"]["user_expressions"]["it"]["data"]["text/plain"])
        assert seen.isdisjoint(values), "a random value that another kernel has given"
        seen.update(values)
        print(f"\r{number + 1} of {starts}", end="", flush=True)
    print()
    close(manager, client)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    parser.add_argument("--soak", action="store_true")
    options = parser.parse_args()
    (soak if options.soak else compare)(options.backend, options.starts)
