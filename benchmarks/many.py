"""Many kernels of one server: how long they take to start and to end, how much memory they hold, and what idling costs.

    python benchmarks/many.py [--kernels 50] [--together 4] [--only ipykernel,async,async-trio]

Needs an environment with this checkout and ipykernel (the dependency group `test`), and Linux. Each kind of kernels is
started by one process of jupyter_client, some at a time, and given a cell; then all are idle, and then all are shut
down as a server does it. PSS counts a page that several processes share once. The guardians are counted with the rest.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from subprocess import DEVNULL
from typing import Any

import psutil
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

DEADLINE = 300.0
IDLE_SECONDS = 10.0
MARK = "MANY_KERNELS"
INTERFACE = "async_kernel.interface.start_kernel_zmq_interface"
OURS = ["-m", "async_kernel", "-f", "{connection_file}", f"--start_interface={INTERFACE}", "--kernel_name=async"]
KINDS: Mapping[str, Sequence[str]] = {
    "ipykernel": ["-m", "ipykernel_launcher", "-f", "{connection_file}"],
    "async": [*OURS, "--backend=asyncio"],
    "async-trio": [*OURS, "--backend=trio"],
}


class Kernel:
    """One kernel with its client."""

    def __init__(self, argv: Sequence[str]) -> None:
        self.manager = AsyncKernelManager()
        self.manager._kernel_spec = KernelSpec(argv=[sys.executable, *argv], display_name="", language="python")
        self.client: Any = None

    async def start(self) -> None:
        await self.manager.start_kernel(stdout=DEVNULL, stderr=DEVNULL, env={**os.environ, MARK: str(os.getpid())})
        self.client = self.manager.client()
        self.client.hb_channel_class.time_to_dead = DEADLINE  # on a full machine a heartbeat may take a second
        self.client.start_channels()
        await self.client.wait_for_ready(timeout=DEADLINE)
        await self.client.execute("1 + 1", reply=True, timeout=DEADLINE)

    async def shut_down(self) -> None:
        self.client.stop_channels()
        await self.manager.shutdown_kernel()


async def each(kernels: Sequence[Kernel], do: Callable[[Kernel], Awaitable[None]], together: int) -> float:
    """Do something with all kernels, so many at a time; the seconds until the last is done."""
    places = asyncio.Semaphore(together)

    async def one(kernel: Kernel) -> None:
        async with places:
            await do(kernel)

    begun = time.perf_counter()
    await asyncio.gather(*(one(kernel) for kernel in kernels))
    return time.perf_counter() - begun


def processes() -> list[psutil.Process]:
    """The processes of our kernels: guardians are nobody's children, and have the environment of their kernel."""
    return [one for one in psutil.process_iter() if is_of_kernel(one)]


def is_of_kernel(process: psutil.Process) -> bool:
    try:
        return bool(process.environ().get(MARK) == str(os.getpid()))
    except psutil.Error:
        return False


def cpu(of: Sequence[psutil.Process]) -> float:
    return sum(sum(one.cpu_times()[:2]) for one in of)


async def measure(name: str, count: int, together: int) -> list[float]:
    """The figures of one kind: seconds to start, MiB of PSS, part of a processor while idle, seconds to end."""
    kernels = [Kernel(KINDS[name]) for _ in range(count)]
    started = await each(kernels, Kernel.start, together)
    await asyncio.sleep(2)
    found = processes()
    memory = sum(one.memory_full_info().pss for one in found) / (1 << 20)
    before = cpu(found)
    await asyncio.sleep(IDLE_SECONDS)
    idle = (cpu(found) - before) / IDLE_SECONDS
    ended = await each(kernels, Kernel.shut_down, count)
    left = [one for one in found if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    end = time.monotonic() + DEADLINE
    while left and time.monotonic() < end:
        await asyncio.sleep(0.05)
        left = [one for one in left if one.is_running()]
    if left:
        raise RuntimeError(f"{len(left)} processes of {name} are left")
    return [started, memory, idle, ended]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernels", type=int, default=50)
    parser.add_argument("--together", type=int, default=4)
    parser.add_argument("--only", default=",".join(KINDS))
    asked = parser.parse_args()
    print(f"{asked.kernels} kernels, {asked.together} started at a time, {os.cpu_count()} processors")
    print("| kernels | start, s | memory, MiB PSS | idle, % of a processor | shutdown, s |\n|---|---|---|---|---|")
    for name in asked.only.split(","):
        started, memory, idle, ended = asyncio.run(measure(name, asked.kernels, asked.together))
        print(f"| {name} | {started:.1f} | {memory:.0f} | {100 * idle:.1f} | {ended:.1f} |", flush=True)


if __name__ == "__main__":
    main()
