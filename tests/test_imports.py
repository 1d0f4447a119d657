"""What is imported, and when: the import budgets, as modules that are counted in processes of their own."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq

import async_kernel
from async_kernel.protocol.codec import Codec
from async_kernel.protocol.connection import ConnectionInfo
from async_kernel.protocol.messages import Message
from async_kernel.protocol.names import Channel
from async_kernel.protocol.signing import Signer

DEADLINE = 60.0

SLOW = {
    "IPython",
    "anyio",
    "asyncio",
    "ast",
    "dataclasses",
    "dis",
    "inspect",
    "jupyter_client",
    "jupyter_core",
    "pathlib",
    "tornado",
    "traitlets",
    "trio",
    "uvloop",
}
"""What the interface must not import. Neither Python nor pyzmq imports any of them for itself: see the first test."""


def imported_by(statement: str) -> set[str]:
    """The modules that are there after `statement` and were not before, in a new process."""
    code = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    run = [sys.executable, "-c", code]
    return set(subprocess.run(run, check=True, capture_output=True, text=True, timeout=DEADLINE).stdout.split())


def slow(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules} & SLOW


def test_the_budget_is_ours_to_keep() -> None:
    """pyzmq is needed for the first reply: were it to import one of these, they could not be forbidden."""
    assert slow(imported_by("import zmq, json, logging, threading")) == set()


def test_importing_the_package_costs_nothing() -> None:
    assert imported_by("import async_kernel") - {"__future__"} == {"async_kernel", "async_kernel._version"}


@pytest.mark.parametrize(
    "module",
    [
        "async_kernel.embedding",
        "async_kernel.interface",
        "async_kernel.launcher",
        "async_kernel.kernel.kernel",
        "async_kernel.transport.io_thread",
    ],
)
def test_the_path_to_the_first_reply_imports_nothing_slow(module: str) -> None:
    modules = imported_by(f"import {module}")
    assert module in modules
    assert slow(modules) == set()


ROOMS = ("comms.py", "debugger", "streams", "kernel", "transport", "concurrency", "interrupts", "stacks", "loops")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_without_ipython_does_not_reach_it_by_a_string(room: str) -> None:
    """As `sys.modules["IPython"]` and evaluated code do, which the contracts of imports do not see."""
    place = Path(async_kernel.__file__).parent / room
    found = []
    for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in prose]
        found += [(path.name, text.value) for text in texts if "IPython" in str(text.value)]
    assert found == ([] if room != "kernel" else INFO)


INFO = [("info.py", ", an interactive Python by IPython\n"), ("info.py", "IPython Reference")]
"""The kernel says what it is."""


@pytest.mark.parametrize(
    "layer", ["protocol.codec", "protocol.connection", "interrupts.interrupter", "concurrency.queue"]
)
def test_the_lowest_layers_do_not_import_zmq(layer: str) -> None:
    assert not any(name.partition(".")[0] == "zmq" for name in imported_by(f"import async_kernel.{layer}"))


HOLD = '''
"""Notes what is imported; holds the slow modules back until the file "replied" is there."""
import _imp, os, sys, time

SLOW, FOLDER = {slow!r}, {folder!r}
AT_START = SLOW.intersection(sys.modules)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name in SLOW:
            with open(os.path.join(FOLDER, "asked"), "a") as file:
                file.write(name + "\\n")
            end = time.monotonic() + {deadline}
            _imp.release_lock()  # finders are called with the lock over all imports, which other threads' need too
            while not os.path.exists(os.path.join(FOLDER, "replied")) and time.monotonic() < end:
                time.sleep(0.005)
            _imp.acquire_lock()
        return None

with open(os.path.join(FOLDER, "at_start"), "w") as file:
    file.write(" ".join(AT_START))
sys.meta_path.insert(0, Finder())
'''

STARTED_BY_JUPYTER = ["--start_interface=async_kernel.interface.start_kernel_zmq_interface", "--backend=asyncio"]
"""What every written spec names. Without it the settings are looked for in the specs on the disk, with pathlib."""


class Client:
    """A thin client on raw sockets."""

    def __init__(self, info: ConnectionInfo) -> None:
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._codec = Codec(Signer(info.key.encode()), "client", "user", lambda: "2026-01-31T12:00:00+00:00")
        self._sockets = {channel: self._context.socket(zmq.DEALER) for channel in (Channel.SHELL, Channel.CONTROL)}
        for channel, socket in self._sockets.items():
            socket.linger = 0
            socket.connect(info.address(channel))

    def ask(self, msg_type: str, channel: Channel) -> Message:
        """Send a request and return what is answered."""
        socket = self._sockets[channel]
        socket.send_multipart(self._codec.encode(msg_type, {}))
        assert socket.poll(round(DEADLINE / 3 * 1000)), f"{msg_type} was not answered"
        return self._codec.decode(socket.recv_multipart())

    def close(self) -> None:
        """Close the sockets."""
        self._context.destroy(linger=0)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of the kernel whose connection file is kernel.json."""
    info = ConnectionInfo(1, 2, 3, 4, 5, ip=str(tmp_path / "k"), transport="ipc", key="a key")
    (tmp_path / "kernel.json").write_text(info.to_text())
    client = Client(info)
    yield client
    client.close()


@pytest.mark.skipif(sys.platform == "win32", reason="talks over ipc, which libzmq has on POSIX systems only")
def test_a_kernel_replies_before_anything_slow_is_imported(client: Client, tmp_path: Path) -> None:
    """The slow imports are held back until the reply has come: a reply that needed one of them would never come."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOLD.format(slow=SLOW, folder=str(tmp_path), deadline=DEADLINE))
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(hook), os.environ.get("PYTHONPATH", "")]).rstrip(":")}
    argv = ["-f", str(tmp_path / "kernel.json"), *STARTED_BY_JUPYTER]
    process = subprocess.Popen([sys.executable, "-m", "async_kernel", *argv], env=environ, stderr=subprocess.PIPE)
    try:
        reply = client.ask("kernel_info_request", Channel.SHELL)
        assert reply.header.msg_type == "kernel_info_reply"
        assert reply.content["implementation"] == "async_kernel"
        assert (tmp_path / "at_start").read_text() == "", "imported by Python's own start here: nothing can be told"
        (tmp_path / "replied").touch()
        client.ask(
            "is_complete_request", Channel.SHELL
        )  # it has loaded: a busy machine may take longer than an end may
        assert client.ask("shutdown_request", Channel.CONTROL).content["status"] == "ok"
        _, errors = process.communicate(timeout=DEADLINE)
        assert (process.returncode, errors.decode()) == (0, "")
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)
    asked = (tmp_path / "asked").read_text().split()
    assert {"asyncio", "IPython"} <= set(asked), "the hold is in force: the kernel came to these later"
