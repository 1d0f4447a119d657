"""Kernels inside a running program: one after another, with nothing left behind, and several at once; settings that
cannot be are refused without a trace."""

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
ENDING = {{"control", "asides", "comms"}}  # they have been told to end, and nobody waits for them

def names():
    for thread in threading.enumerate():
        if thread.name in ENDING:
            thread.join({DEADLINE})
    return sorted({{thread.name for thread in threading.enumerate()}} & OURS)

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
        return [content["data"]["text/plain"] for content in said if "text/plain" in content.get("data", {{}})]
    finally:
        client.stop_channels()
        client.context.destroy()

async def embedded(namespace, work, **options):
    started = anyio.Event()
    paths = []
    def note(path):
        paths.append(path)
        started.set()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: async_kernel.embed_kernel(namespace, started=note, **options))
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
OVERLAP = "import anyio; await anyio.sleep(SECONDS); number"
MAKE = "import comm; made = comm.create_comm(target_name='x'); [made in comm.get_comm_manager().comms.values(), number]"
HERE = "display(number); get_ipython().user_ns['number']"

async def main():
    results = {}
    async def asks(name, path, *codes):
        for code in codes:
            results.setdefault(name, []).extend(await anyio.to_thread.run_sync(ask, path, code))
    ended, gone = anyio.Event(), anyio.Event()
    async with anyio.create_task_group() as tasks:
        async def one():
            await embedded({"number": 1}, work_of_first)
            gone.set()
        async def work_of_first(path):
            await asks("first", path, "number")
            tasks.start_soon(two, path)
            await ended.wait()
        async def two(path):
            await embedded({"number": 2}, lambda other: work_of_second(path, other))
        async def work_of_second(path, other):
            assert other != path
            await asks("second", other, "number", HERE)
            for one, another in ("0.3", "0.2"), ("0.2", "0.3"):
                async with anyio.create_task_group() as both:
                    both.start_soon(asks, "first", path, OVERLAP.replace("SECONDS", one))
                    both.start_soon(asks, "second", other, OVERLAP.replace("SECONDS", another))
            await asks("first", path, MAKE, HERE)
            await asks("second", other, MAKE)
            ended.set()
            await gone.wait()
            await asks("second", other, HERE)
        tasks.start_soon(one)
    import builtins
    from IPython.core.interactiveshell import InteractiveShell
    left = [hasattr(builtins, name) for name in ("get_ipython", "display", "__IPYTHON__")]
    print(json.dumps([results["first"], results["second"], InteractiveShell.initialized(), *left, names()]))
"""

BESIDE_ANOTHER_IPYTHON = """
async def main():
    from IPython.core.interactiveshell import InteractiveShell
    shell = InteractiveShell.instance()
    try:
        await async_kernel.embed_kernel({"number": 1})
    except AsyncKernelError as error:
        print(json.dumps([str(error), InteractiveShell.instance() is shell]))
"""

SET_BY_NAME = """
SHELL = "[get_ipython().timeout, get_ipython().xmode]; 'is shown'"
SETTINGS = {"shell.timeout": 7, "shell.xmode": "plain", "shell.ast-node-interactivity": "all"}

async def main():
    import shutil
    own = os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], "own.json")
    async def work(path):
        results.append([os.path.basename(path), *await anyio.to_thread.run_sync(ask, path, SHELL)])
        if path != own:
            shutil.copy(path, own)
    results = []
    await embedded({}, work, settings=SETTINGS)
    await embedded({}, work, settings=SETTINGS | {"connection_file": own})
    print(json.dumps(results))
"""

DEBUG = """
def debug(path):
    client = BlockingKernelClient(connection_file=path)
    client.load_connection_file()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=30)
        command = {"type": "request", "seq": 1, "command": "initialize", "arguments": {}}
        client.control_channel.send(client.session.msg("debug_request", command))
        return client.control_channel.get_msg(timeout=30)["content"]
    finally:
        client.stop_channels()
        client.context.destroy()

async def main():
    replies = []
    async def work(path):
        replies.append(await anyio.to_thread.run_sync(debug, path))
    await embedded({}, work)
    print(json.dumps([replies[0].get("status"), "debugpy" in sys.modules]))
"""

REFUSED = """
async def main():
    from jupyter_core.paths import jupyter_runtime_dir
    refused = []
    for settings in (
        Settings(connection_file=".", host_options={"module": "PySide6"}),
        {"shell.timeot": 5},
        {"shell.timeout": "soon"},
        {"user": True},
        {"help": True},
    ):
        try:
            await async_kernel.embed_kernel(settings=settings)
        except AsyncKernelError as error:
            refused.append([type(error).__name__, str(error)])
    print(json.dumps([refused, os.listdir(jupyter_runtime_dir()), names()]))
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


def test_several_beside_each_other(run_program: Any) -> None:
    first, second, *left, threads = run_program(BESIDE)
    assert first == ["1", "1", "1", "[True, 1]", "1", "1"]
    assert second == ["2", "2", "2", "2", "2", "[True, 2]", "2", "2"]  # the last two when the first one was gone
    assert (left, threads) == ([False] * 4, [])


def test_a_program_is_not_debugged_by_clients(run_program: Any) -> None:
    assert run_program(DEBUG) == ["error", False]


def test_one_beside_another_ipython_is_refused(run_program: Any) -> None:
    error, is_there = run_program(BESIDE_ANOTHER_IPYTHON)
    assert "already has an IPython shell" in error
    assert is_there


def test_settings_are_those_of_the_command_line_by_name(run_program: Any) -> None:
    (new, *shown), (given, *shown_again) = run_program(SET_BY_NAME)
    assert shown == shown_again == ["[7.0, 'Plain']", "'is shown'"]
    assert (new != given, given) == (True, "own.json")


def test_settings_that_cannot_be_leave_no_trace(run_program: Any) -> None:
    refused, *left = run_program(REFUSED)
    words = ["but no host", "Did you mean --shell.timeout?", "takes a number, not 'soon'", "--user", "help"]
    assert [name for name, _ in refused] == ["UsageError"] * len(words)
    assert [word for word, (_, said) in zip(words, refused, strict=True) if word not in said] == []
    assert left == [[], []]
