"""Many at once: requests, forks, strangers that subscribe."""

from __future__ import annotations

import random
import sys

import psutil
import pytest
import zmq

from tests.needs.kernel import Kernel

from .faults import answers
from .kernels import SECONDS, ends, one_answer, serves, subject
from .strangers import Context, plain


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


HANDLES = 1024
"""The usual limit of a process."""

OPENS = "open('/dev/null').close()"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")
@pytest.mark.parametrize("leave", [True, False], ids=["then leave", "stay"])
def test_strangers_that_take_all_descriptors(loop: str, context: Context, leave: bool) -> None:
    """They connect as often as the process may have descriptors. Clients are answered all the same, and the kernel ends
    when it is asked to; when they have gone, all is as it was."""
    with Kernel(subject(loop, ["prlimit", f"--nofile={HANDLES}:{HANDLES}"])) as kernel:
        process = psutil.Process(kernel.process.pid)
        kernel.need(OPENS)
        before = process.num_fds()
        for _ in range(HANDLES - before + 10):  # they say what a client says, or they were cut off after half a minute
            context.keep(plain(kernel, "shell"))
        kernel.client.wait(lambda: process.num_fds() >= HANDLES, SECONDS, "the last descriptor to be taken")
        answers(kernel)
        assert kernel.run(OPENS, SECONDS).error.startswith("OSError: [Errno 24]"), "the test tells nothing"
        if leave:
            context.close()
            kernel.client.wait(lambda: process.num_fds() < before + 20, SECONDS, "the end of their connections")
            kernel.need(OPENS)
            kernel.reconnect()
            serves(kernel)
        ends(kernel)
