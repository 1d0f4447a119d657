"""A kernel on one host and its client on another: private with encryption, whole over a link that is slow or bad."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from ..conftest import BACKENDS
from .link import ADDRESSES, Link
from .rest import family, gone

DEADLINE = 60.0

pytestmark = [pytest.mark.beyond, pytest.mark.timeout(300)]

SECRET = "a sentence that nobody else may read"


@pytest.fixture(autouse=True)
def possible() -> None:
    """Skip where there are no such hosts."""
    namespace = ["unshare", *(["-n"] if sys.platform != "win32" and os.geteuid() == 0 else ["-Urn"])]
    if not shutil.which("unshare") or not Path("/dev/net/tun").exists() or not shutil.which("ip"):
        pytest.skip("this machine has no network namespaces, or no TUN")
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make network namespaces")


class Pair:
    """A kernel, a client on the other host, and the link between them."""

    def __init__(self, folder: Path, backend: str, encrypted: bool) -> None:
        self.link = Link(folder)
        self.folder = folder
        public, secret = (key.decode() for key in zmq.curve_keypair())
        self.info: dict[str, Any] = {
            **{f"{name}_port": 40001 + n for n, name in enumerate(("shell", "iopub", "stdin", "control", "hb"))},
            "ip": ADDRESSES[0],
            "transport": "tcp",
            "key": "k" * 32,
            "signature_scheme": "hmac-sha256",
            **({"curve_publickey": public, "curve_secretkey": secret} if encrypted else {}),
        }
        self._backend = backend
        self._log = (folder / "log").open("wb")
        try:
            self._start()
        except BaseException:
            self.link.close()
            self._log.close()
            raise

    def _start(self) -> None:
        self.kernel = self._start_kernel()
        self.client = self.link.start(
            [sys.executable, str(Path(__file__).with_name("far_client.py")), str(self.write("client"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, cwd=self.folder,
        )  # fmt: skip

    def write(self, name: str) -> Path:
        """Write the connection file, as one of the two has it."""
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(self.info))
        return path

    def _start_kernel(self) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "async_kernel", "-f", str(self.write("kernel")), *BACKENDS[self._backend]]
        start = shlex.join(words)
        command = ["sh", "-c", f"{start} && exec {start}"]  # a launcher, which starts it once again
        return self.link.start(command, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, cwd=self.folder)

    def begin(self, what: str, **arguments: Any) -> None:
        """Have the client do something."""
        assert self.client.stdin is not None
        self.client.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.client.stdin.flush()

    def result(self) -> Any:
        """The result of it."""
        assert self.client.stdout is not None
        line = self.client.stdout.readline()
        assert line, (self.folder / "log").read_text()
        return json.loads(line)

    def do(self, what: str, **arguments: Any) -> Any:
        self.begin(what, **arguments)
        return self.result()

    def close(self) -> None:
        self.link.close()
        for stream in (self.client.stdin, self.client.stdout, self._log):
            if stream is not None:
                stream.close()


@pytest.fixture(params=["encrypted", "plain"])
def pair(request: pytest.FixtureRequest, tmp_path: Path, backend: str) -> Iterator[Pair]:
    pair = Pair(tmp_path, backend, request.param == "encrypted")
    try:
        yield pair
    finally:
        pair.close()


def is_encrypted(pair: Pair) -> bool:
    return "curve_publickey" in pair.info


SHOWS = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid)
"""


def processes(pair: Pair) -> list[psutil.Process]:
    """The kernel, a child that a cell starts, and what else belongs to it."""
    (cell,) = pair.do("run", codes=[SHOWS])
    assert cell["status"] == "ok"
    return family(*map(int, cell["text"].split()))


def test_a_life_and_the_words_on_the_wire(pair: Pair) -> None:
    assert pair.do("ready")
    (cell,) = pair.do("run", codes=[f"print({SECRET!r})"])
    assert cell == {"text": f"{SECRET}\n", "idle": 1, "status": "ok"}
    assert pair.do("interrupted") == "KeyboardInterrupt"
    first = processes(pair)
    assert pair.do("shut_down", restart=True)
    asyncio.run(gone(first))
    assert pair.do("ready")
    second = processes(pair)
    assert not {*first} & {*second}
    assert pair.do("shut_down")
    assert pair.kernel.wait(DEADLINE) == 0
    asyncio.run(gone(second))
    wire = b"".join(pair.link.seen)
    assert len(wire) > 5000
    readable = [word for word in (SECRET, "execute_request", "kernel_info", "session", "kkkk") if word.encode() in wire]
    assert readable == ([] if is_encrypted(pair) else [SECRET, "execute_request", "kernel_info", "session"])


def whole(cells: list[dict[str, Any]]) -> None:
    """Each cell has its text, its reply and one `idle`."""
    assert cells == [{"text": f"{number}\n", "idle": 1, "status": "ok"} for number in range(len(cells))]


CELLS = [f"print({number})" for number in range(20)]


def test_a_link_that_is_slow_and_drops_packets(pair: Pair) -> None:
    pair.link.delay, pair.link.loss = 0.2, 0.03
    assert pair.do("ready")
    whole(pair.do("run", codes=CELLS))
    assert pair.link.lost > 0
    assert pair.do("interrupted") == "KeyboardInterrupt"


def test_a_link_that_goes_away_for_half_a_minute(pair: Pair) -> None:
    assert pair.do("ready")
    pair.begin("run", codes=["print(0); import time; time.sleep(5)", *CELLS[1:]], pause=0.5)
    time.sleep(2)  # in the midst of it
    pair.link.away = True
    time.sleep(30)
    pair.link.away = False
    whole(pair.result())
    assert pair.link.lost > 0


def test_a_pair_that_is_closed_leaves_nothing(pair: Pair) -> None:
    """The kernel runs below a launcher, whose end is not its own."""
    assert pair.do("ready")
    left = processes(pair)
    pair.close()
    asyncio.run(gone(left))


def test_a_stranger_gets_nothing(tmp_path: Path, backend: str) -> None:
    """A client that has the address and the key of signatures, and not the one of the encryption."""
    pair = Pair(tmp_path, backend, encrypted=True)
    try:
        public, secret = (key.decode() for key in zmq.curve_keypair())
        pair.info.update(curve_publickey=public, curve_secretkey=secret)
        pair.write("client")
        assert not pair.do("ready", seconds=5)
        assert pair.kernel.poll() is None
    finally:
        pair.close()
