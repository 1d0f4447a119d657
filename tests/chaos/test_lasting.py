"""What should not grow in a kernel that lives long, and what should be found nowhere."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from tests.needs.kernel import Kernel

from .kernels import SECONDS, ends, one_answer, subject

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc says what is open")

GROWTH = 6 << 20
"""Bytes that a kernel may hold more after a round than before: allocators keep some."""

LATE = """
from async_kernel.ipython.asking_jedi import warm_up
from async_kernel.ipython.preparation import prepare
prepare(), warm_up()
"""
"""What a kernel imports by itself in its first moments, be it in the midst of the first round: tens of mebibytes."""


def one_round(kernel: Kernel, times: int) -> None:
    """What users do in a day, for some time."""
    client = kernel.client
    for number in range(times):
        kernel.run(f"value = {number}\nprint(value)")
        kernel.run("1 / 0")
        kernel.run("import subprocess; subprocess.run(['true'])")
        subshell = kernel.subshell()
        kernel.run("2 + 2", subshell=subshell)
        client.reply(client.send("control", "delete_subshell_request", {"subshell_id": subshell}), SECONDS)
        hanging = client.execute("import time; time.sleep(300)")
        client.send("control", "interrupt_request")
        while not any(one.msg_type == "execute_reply" for one in client.by_parent[hanging]):
            client.pump(0.1)
            client.send("control", "interrupt_request")
        for kind, content in (
            ("complete_request", {"code": "val", "cursor_pos": 3}),
            ("inspect_request", {"code": "value", "cursor_pos": 3}),
            ("comm_open", {"comm_id": f"{number}", "target_name": "none", "data": {}}),
            ("execute_request", {"code": "3", "silent": True}),
        ):
            client.idle(client.send("shell", kind, content), SECONDS)
        debug = {"type": "request", "seq": number, "command": "debugInfo"}
        client.reply(client.send("control", "debug_request", debug), SECONDS)
        client.forget()


@pytest.mark.timeout(3600)
def test_nothing_grows(loop: str, long: bool) -> None:
    times = 500 if long else 12
    with Kernel(subject(loop)) as kernel:
        process = psutil.Process(kernel.process.pid)
        kernel.run(LATE)
        one_round(kernel, times)
        before = process.num_fds(), process.num_threads(), process.memory_full_info().uss
        one_round(kernel, times)
        kernel.client.wait(lambda: process.num_threads() <= before[1], SECONDS, "the end of threads")
        kernel.client.wait(lambda: process.num_fds() <= before[0], SECONDS, "the end of descriptors")
        grown = process.memory_full_info().uss - before[2]
        assert grown < GROWTH + times * 4096, f"{grown / 2**20:.1f} MiB"
        ends(kernel)


SPEAKS = """
import logging, os, subprocess, sys, warnings
logging.basicConfig(level=0); logging.debug('on'); warnings.warn('on')
subprocess.run(['sh', '-c', 'env; cat /proc/self/cmdline'])
get_ipython().run_line_magic('connect_info', '')
print(os.environ, sys.argv, file=sys.stderr)
get_ipython().kernel
"""


def test_the_key_is_found_nowhere(loop: str) -> None:
    """But in the connection file, and in the memory of the process."""
    with Kernel(subject(loop, env={"PYTHONASYNCIODEBUG": "1", "PYTHONDEVMODE": "1"})) as kernel:
        client = kernel.client
        key = str(kernel.connection["key"]).encode()
        client.sockets["shell"].send_multipart([b"<IDS|MSG>", b"wrong", b"{}", b"{}", b"{}", b"{}"])
        request = client.execute(SPEAKS)
        kernel.finish(request, SECONDS)
        one_answer(kernel, request)
        kernel.run("def f(): raise ValueError\nf()")
        for message in client.messages:
            assert key.decode() not in repr(message)
        for name in ("cmdline", "environ"):
            assert key not in Path(f"/proc/{kernel.process.pid}/{name}").read_bytes()
        ends(kernel)
        holding = [path for path in kernel.folder.rglob("*") if path.is_file() and key in path.read_bytes()]
        assert holding == [kernel.connection_file]
