"""Many at once: requests, starts, forks, strangers that subscribe."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from tests.needs.kernel import Kernel

from .kernels import SECONDS, ends, one_answer, serves, subject


@pytest.mark.timeout(3600)
def test_a_burst_is_answered_in_its_order(loop: str, long: bool) -> None:
    count = 50_000 if long else 1_000
    with Kernel(subject(loop)) as kernel:
        client = kernel.client
        first = int(kernel.need("pass").reply.content["execution_count"])
        sent = []
        for number in range(count):
            sent.append(client.execute(f"print({number})"))
            sent.append(client.send("control", "kernel_info_request"))
            if number % 100 == 0:
                client.pump(0)
        for request in sent:
            client.idle(request, SECONDS)
            client.reply(request, SECONDS)
        for number, request in enumerate(sent[::2]):
            one_answer(kernel, request)
            assert client.reply(request).content["execution_count"] == first + 1 + number
            assert client.text(request) == f"{number}\n"
        ends(kernel)


FORKS = """
import os, signal, sys, threading, time, warnings
warnings.simplefilter('ignore')
def one(number):
    child = os.fork()
    if child == 0:
        if number % 7 == 0: os._exit(0)
        if number % 7 == 1: os.kill(os.getpid(), signal.SIGKILL)
        if number % 7 == 2: print('from a child')
        if number % 7 == 3: raise ValueError(number)
        if number % 7 == 4: sys.exit(3)
        if number % 7 == 5: threading.Thread(target=time.sleep, args=[0.01]).start()
        if number % 7 == 6: get_ipython().run_cell('1 + 1')
        os._exit(0)
    return child
children = []
for number in range(COUNT):
    if number % 3: children.append(one(number))
    else:
        thread = threading.Thread(target=lambda: children.append(one(number)))
        thread.start(); thread.join()
for child in children: os.waitpid(child, 0)
print('all', len(children))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: forks")
def test_forks(loop: str, long: bool) -> None:
    count = 180 if long else 21
    with Kernel(subject(loop)) as kernel:
        cell = kernel.run(FORKS.replace("COUNT", str(count)), SECONDS * 5)
        assert f"all {count}\n" in cell.text, (cell, kernel.log())
        one_answer(kernel, cell.id)
        serves(kernel)
        ends(kernel)


@pytest.mark.timeout(3600)
def test_starts_at_once_with_ports_that_nobody_holds(specs: Mapping[str, str], tmp_path: Path, long: bool) -> None:
    """A launcher that finds ports and lets them go may give one to two kernels. Then one has it, and the other says so
    and ends; all others serve."""
    managers = [KernelManager(kernel_name=specs["asyncio"]) for _ in range(200 if long else 12)]
    with ExitStack() as stack:
        for number, manager in enumerate(managers):
            manager.cache_ports = False
            log = stack.enter_context((tmp_path / str(number)).open("wb"))
            manager.start_kernel(stdout=log, stderr=log)
            stack.callback(manager.shutdown_kernel, now=True)
        names = ("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port")
        taken = Counter(getattr(manager, name) for manager in managers for name in names)
        for number, manager in enumerate(managers):
            client = manager.blocking_client()
            client.start_channels()
            stack.callback(client.stop_channels)
            failed = failure(client, 600 if long else SECONDS * 2)
            if failed:
                said = (tmp_path / str(number)).read_text()
                assert any(taken[getattr(manager, name)] > 1 for name in names), (failed, said)
                assert "cannot be bound" in said


def failure(client: BlockingKernelClient, seconds: float) -> str:
    """Why a kernel is not ready, or "" when it is."""
    try:
        client.wait_for_ready(timeout=seconds)
    except RuntimeError as error:
        return str(error)
    return ""


TOPICS = (b"", b"\0", b"x" * 400, b"kernel", b"\xff" * 20, b"iopub_welcome")


def test_subscribers_that_do_what_they_like(chance: random.Random, loop: str, long: bool) -> None:
    """Strangers come, subscribe to anything, stall, and go; a client misses nothing."""
    count = 4_000 if long else 300
    context = zmq.Context()
    try:
        with Kernel(subject(loop)) as kernel:
            address = f"tcp://127.0.0.1:{kernel.connection['iopub_port']}"
            strangers: list[zmq.Socket[bytes]] = []
            request = kernel.client.execute(f"for n in range({count}): display(n)\nprint('last')")
            while not kernel.client.text(request):
                if len(strangers) > 30 or (strangers and chance.random() < 0.3):
                    strangers.pop(chance.randrange(len(strangers))).close(0)
                stranger = context.socket(chance.choice([zmq.SUB, zmq.XSUB]))
                stranger.rcvhwm = 1
                stranger.connect(address)
                for _ in range(chance.randrange(20)):
                    topic = chance.choice(TOPICS)
                    if stranger.type == zmq.SUB:
                        stranger.subscribe(topic)
                    else:
                        stranger.send(chance.choice([b"\x00", b"\x01", b"\x02", b""]) + topic)
                strangers.append(stranger)
                kernel.client.pump(0.01)
            kernel.finish(request, SECONDS)
            one_answer(kernel, request)
            assert kernel.client.displayed(request) == [str(n) for n in range(count)]
            serves(kernel)
            ends(kernel)
    finally:
        context.destroy(linger=0)
