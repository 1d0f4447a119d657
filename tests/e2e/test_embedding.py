"""Kernels inside a running program: one after another, with nothing left behind; a second one beside the first is
refused, and so are settings that cannot be, without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from .driver import DEADLINE

PROGRAM = f"""
import json, os, sys, threading
import anyio
import async_kernel
from async_kernel.errors import AsyncKernelError
from async_kernel.settings import Settings
from jupyter_client.blocking import BlockingKernelClient

OURS = {{"control", "asides", "comms", "I/O", "heartbeat"}}
names = lambda: sorted({{thread.name for thread in threading.enumerate()}} & OURS)
handles = lambda: len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0

def ask(path, code):
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout={DEADLINE})
        client.complete("im", 2, reply=True, timeout={DEADLINE})
        said = []
        reply = client.execute_interactive(
            code, timeout={DEADLINE}, output_hook=lambda message: said.append(message["content"])
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return [content["data"]["text/plain"] for content in said if "data" in content]
    finally:
        client.stop_channels()
        client.context.destroy()

async def embedded(namespace, work):
    started = anyio.Event()
    paths = []
    def note(path):
        paths.append(path)
        started.set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: async_kernel.embed_kernel(namespace, started=note))
        await started.wait()
        await work(paths[0])
        tasks.cancel_scope.cancel()
    return paths[0]
"""

ONE_AFTER_ANOTHER = """
async def main():
    rounds = []
    for number in range(3):
        async def work(path):
            results.append(await anyio.to_thread.run_sync(ask, path, "number"))
        results = []
        path = await embedded({"number": number}, work)
        rounds.append([results[0], os.path.exists(path), names(), handles()])
    print(json.dumps(rounds))
"""

BESIDE = """
async def main():
    async def work(path):
        first = await anyio.to_thread.run_sync(ask, path, "number")
        error = ""
        others = []
        try:
            await async_kernel.embed_kernel({"number": 2}, started=others.append)
        except AsyncKernelError as raised:
            error = str(raised)
        again = await anyio.to_thread.run_sync(ask, path, "number + 10")
        print(json.dumps([first, error, [os.path.exists(other) for other in others], path in others, again]))
    await embedded({"number": 1}, work)
"""

REFUSED = """
async def main():
    try:
        await async_kernel.embed_kernel(settings=Settings(connection_file=".", host_options={"module": "PySide6"}))
    except AsyncKernelError as error:
        from jupyter_core.paths import jupyter_runtime_dir
        print(json.dumps([type(error).__name__, os.listdir(jupyter_runtime_dir()), names()]))
"""


@pytest.fixture
def run_program(backend: str, tmp_path: os.PathLike[str]) -> Any:
    """Run a program on the backend; return what it prints."""

    def run(code: str) -> Any:
        library = "trio" if backend == "trio" else "asyncio"
        options = {} if backend == "trio" else {"use_uvloop": backend == "uvloop"}
        start = f"anyio.run(main, backend={library!r}, backend_options={options!r})\n"
        environment = {**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)}
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM + code + start],
            env=environment, capture_output=True, text=True, timeout=3 * DEADLINE,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    return run


def test_one_after_another_leaves_nothing_behind(run_program: Any) -> None:
    rounds = run_program(ONE_AFTER_ANOTHER)
    assert [results for results, *_ in rounds] == [["0"], ["1"], ["2"]]
    assert [left for _, *left, _ in rounds] == [[False, []]] * 3
    assert rounds[1][3] == rounds[2][3], "the file descriptors after the second and after the third"


def test_a_second_one_beside_it_is_refused(run_program: Any) -> None:
    first, error, others, same_path, again = run_program(BESIDE)
    assert first == ["1"]
    assert "one kernel at a time" in error
    assert (others, same_path) == ([False], False)
    assert again == ["11"]


def test_settings_that_cannot_be_leave_no_trace(run_program: Any) -> None:
    assert run_program(REFUSED) == ["UsageError", [], []]
