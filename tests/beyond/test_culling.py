"""Kernels that a server ends because they were idle for long: those that are busy, by whatever, stay. And restarts,
many at once and in a row."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import psutil
import pytest

from ..browser.server import free_port
from .conftest import DEADLINE, Serve, Write
from .rest import Rest, family, gone, leave, printed, receive, send
from .test_gateways import server

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),  # the first test makes an environment
    pytest.mark.skipif(sys.platform == "win32", reason="the server of these tests runs elsewhere"),
]

AWAITS = "print('begun', flush=True)\nimport anyio\nawait anyio.sleep(600)"
WORKS: dict[str, tuple[str, dict[str, bool]]] = {
    "a cell": ("print('begun', flush=True)\nimport time\ntime.sleep(600)", {}),
    "a cell beside others": (f"# task\n{AWAITS}", {}),
    "a detached cell": (AWAITS, {"detach": True}),
    "nothing": ("", {}),
}
PID = "import os\nprint(os.getpid())"


def test_a_busy_kernel_is_not_culled(gateways: Path, serve: Serve, write: Write) -> None:
    port, spec = free_port(), write()
    words = [f"--MappingKernelManager.{name}" for name in ("cull_idle_timeout=4", "cull_interval=1")]
    with serve(server(gateways, port, *words, "--MappingKernelManager.cull_connected=True"), port) as address:
        asyncio.run(_culled(Rest(address, "t"), spec))


async def _culled(rest: Rest, spec: str) -> None:
    kernels = {}
    for what, (code, metadata) in WORKS.items():
        kernel = (await rest.ask("POST", "api/kernels", {"name": spec}))["id"]
        channels = await rest.connect(kernel)
        (pid,) = await printed(channels, PID)
        if code:
            await receive(channels, await send(channels, code, **metadata), "stream")
        await leave(channels)
        kernels[what] = kernel, family(pid)
    await gone(kernels["nothing"][1])
    end = time.monotonic() + DEADLINE
    while kernels["nothing"][0] in {each["id"] for each in await rest.ask("GET", "api/kernels")}:
        assert time.monotonic() < end, "the server still lists it"
        await asyncio.sleep(0.1)
    await asyncio.sleep(8)  # twice as long as one may be idle
    del kernels["nothing"]
    for what, (kernel, processes) in kernels.items():
        assert (await rest.ask("GET", f"api/kernels/{kernel}"))["execution_state"] == "busy", what
        await rest.ask("DELETE", f"api/kernels/{kernel}")
        await gone(processes)


def test_restarts(gateways: Path, serve: Serve, write: Write) -> None:
    port, spec = free_port(), write()
    with serve(server(gateways, port), port) as address:
        asyncio.run(_restarted(Rest(address, "t"), spec))


async def _restarted(rest: Rest, spec: str) -> None:
    """Twenty restarts of one kernel in a row, and one of each of twenty kernels at once."""
    first = (await rest.ask("POST", "api/kernels", {"name": spec}))["id"]
    before = [*await _family(rest, first)]
    for _ in range(20):
        await rest.ask("POST", f"api/kernels/{first}/restart")
    before += await _family(rest, first)
    others = [(await rest.ask("POST", "api/kernels", {"name": spec}))["id"] for _ in range(19)]
    kernels = [first, *others]
    for kernel in others:
        before += await _family(rest, kernel)
    await asyncio.gather(*(rest.ask("POST", f"api/kernels/{kernel}/restart") for kernel in kernels))
    end = time.monotonic() + DEADLINE
    while any(each["execution_state"] != "idle" for each in await rest.ask("GET", "api/kernels")):
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    await gone(before)
    after = [await _family(rest, kernel) for kernel in kernels]
    assert len({head.pid for head, *_ in after}) == 20
    for kernel in kernels:
        await rest.ask("DELETE", f"api/kernels/{kernel}")
    await gone(process for each in after for process in each)
    assert await rest.ask("GET", "api/kernels") == []


async def _family(rest: Rest, kernel: str) -> list[psutil.Process]:
    channels = await rest.connect(kernel)
    (pid,) = await printed(channels, PID)
    await leave(channels)
    return family(pid)
