"""Two hosts and the link between them: network namespaces whose packets pass through this process.

Each host is a program in a network namespace of its own, with an interface of its own (TUN): its packets are read here,
kept for a while, lost or passed on to the other. So a link can be slow, bad or away on any machine that allows
namespaces, and all that was on it is known. Linux only.
"""

from __future__ import annotations

import array
import contextlib
import os
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

ADDRESSES = ("10.213.7.1", "10.213.7.2")
MTU = 1500

ENTER = """
import array, fcntl, os, socket, struct, subprocess, sys
name, address = sys.argv[1:3]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tun7", 0x1001))  # TUNSETIFF: IFF_TUN | IFF_NO_PI
for words in (f"addr add {address}/24 dev tun7", "link set tun7 up", "link set lo up"):
    subprocess.run(["ip", *words.split()], check=True)
with socket.socket(socket.AF_UNIX) as to:
    to.connect(name)
    to.sendmsg([b"tun"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [tun]))])
    to.recv(1)  # until the link is there
os.close(tun)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Link:
    """The link between two hosts. `delay` seconds each way; `loss` is the part of packets that is lost; while `away`
    none passes. All may be changed at any time. `seen` is each packet that a host has sent."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self.delay = 0.0
        self.loss = 0.0
        self.away = False
        self.seen: list[bytes] = []
        self.lost = 0
        self._folder = folder
        self._random = random.Random(seed)
        self._tuns: list[int] = []
        self._hosts: list[subprocess.Popen[bytes]] = []
        self._waiting: list[socket.socket] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._carry)

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Start a program on the next of the two hosts; it runs once both are there."""
        number = len(self._hosts)
        path = self._folder / f"host{number}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(30)
            namespace = ["unshare", *(["-n"] if os.geteuid() == 0 else ["-Urn"])]
            words = [*namespace, sys.executable, "-c", ENTER, str(path), ADDRESSES[number], *command]
            process = subprocess.Popen(words, **options)
            self._hosts.append(process)
            to, _ = listener.accept()
            _, parts, _, _ = to.recvmsg(16, socket.CMSG_SPACE(4))
        numbers = array.array("i")
        numbers.frombytes(parts[0][2])
        os.set_blocking(numbers[0], False)
        self._tuns.append(numbers[0])
        self._waiting.append(to)
        if len(self._tuns) == 2:
            self._thread.start()
            for one in self._waiting:
                one.send(b"!")
                one.close()
        return process

    def close(self) -> None:
        """End the hosts' programs, with all that they have started, and the link. A second time it does nothing."""
        self._ended.set()
        for process in self._hosts:
            self._end(process)
        if self._thread.is_alive():
            self._thread.join()
        for one in self._waiting:
            one.close()
        while self._tuns:
            os.close(self._tuns.pop())

    @staticmethod
    def _end(host: subprocess.Popen[bytes]) -> None:
        """A host that is a launcher has the kernel below it, which would live on in a namespace that nobody reaches."""
        started = [] if host.poll() is not None else psutil.Process(host.pid).children(recursive=True)
        host.kill()  # first, so that a launcher starts nothing again
        host.wait()
        for process in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def _carry(self) -> None:
        queue: deque[tuple[float, int, bytes]] = deque()
        with selectors.DefaultSelector() as selector:
            for tun, other in zip(self._tuns, reversed(self._tuns), strict=True):
                selector.register(tun, selectors.EVENT_READ, other)
            while not self._ended.is_set():
                wait = max(0.0, queue[0][0] - time.monotonic()) if queue else 0.05
                for key, _ in selector.select(min(wait, 0.05)):
                    packet = os.read(key.fd, MTU + 100)
                    self.seen.append(packet)
                    if self.away or self._random.random() < self.loss:
                        self.lost += 1
                    else:
                        queue.append((time.monotonic() + self.delay, key.data, packet))
                while queue and queue[0][0] <= time.monotonic():
                    _, other, packet = queue.popleft()
                    os.write(other, packet)
