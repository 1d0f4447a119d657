"""A life of a kernel by the REST interface and the websocket that servers and gateways have in common."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import psutil
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

DEADLINE = 90.0
"""Seconds that any single wait may take: gateways look for news twice a second, and machines that test are busy."""

SLEEPS = "print('runs', flush=True)\nimport time\ntime.sleep(600)"
SHOWS = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), child.pid, 6 * 7)
"""
"""Enterprise Gateway hands no PATH down to kernels of its own machine."""


class Rest:
    """A server's interface at an address."""

    def __init__(self, address: str, token: str = "", **environment: str) -> None:
        self.address = address
        self.headers = {"Authorization": f"token {token}"} if token else {}
        self._environment = environment

    async def ask(self, method: str, path: str, content: Mapping[str, Any] | None = None) -> Any:
        """A request, and the JSON of its answer."""
        body = None if method in ("GET", "DELETE") else json.dumps(content or {})
        request = HTTPRequest(
            f"{self.address}/{path}", method, self.headers, body, request_timeout=DEADLINE, connect_timeout=DEADLINE
        )
        answer = await AsyncHTTPClient(force_instance=True).fetch(request)
        return json.loads(answer.body) if answer.body else None

    async def connect(self, kernel: str) -> WebSocketClientConnection:
        """The channels of a kernel."""
        address = f"{self.address.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        return await websocket_connect(HTTPRequest(address, headers=self.headers, request_timeout=DEADLINE))

    async def start(self, spec: str) -> str:
        """Start a kernel; its id."""
        return str((await self.ask("POST", "api/kernels", {"name": spec, "env": self._environment}))["id"])

    async def life(self, spec: str) -> None:
        """Start a kernel, run a cell, interrupt one, restart the kernel and end it."""
        kernel = await self.start(spec)
        channels = await self.connect(kernel)
        first, child, number = await printed(channels, SHOWS)
        assert number == 42
        processes = family(first, child)
        assert len(processes) > 2, "it has neither guardian nor port"
        asked = await send(channels, SLEEPS)
        await receive(channels, asked, "stream")
        await self.ask("POST", f"api/kernels/{kernel}/interrupt")
        reply = await receive(channels, asked, "execute_reply")
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        await self.ask("POST", f"api/kernels/{kernel}/restart")
        await gone(processes)
        await leave(channels)
        channels = await self.connect(kernel)
        second, child, number = await printed(channels, SHOWS)
        assert number == 42
        assert second != first
        processes = family(second, child)
        await leave(channels)
        await self.ask("DELETE", f"api/kernels/{kernel}")
        await gone(processes)
        listed = await self.ask("GET", "api/kernels")
        assert kernel not in {each["id"] for each in listed}


class Sessions(Rest):
    """The same, for kernels of sessions, as front ends start them."""

    async def start(self, spec: str) -> str:
        session = {"path": "book.ipynb", "name": "book.ipynb", "type": "notebook", "kernel": {"name": spec}}
        return str((await self.ask("POST", "api/sessions", session))["kernel"]["id"])


async def leave(channels: WebSocketClientConnection) -> None:
    """Close the channels, and wait until they are."""
    channels.close()
    while await asyncio.wait_for(channels.read_message(), DEADLINE) is not None:
        pass


async def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition()` is true; `what` is for the error."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {DEADLINE} s"
        await asyncio.sleep(0.02)


def family(kernel: int, *children: int) -> list[psutil.Process]:
    """All that belongs to a kernel which runs: its children, its guardian, and the process of its port for signals.
    A kernel that neither has a parent nor leads its session has no guardian."""
    head = psutil.Process(kernel)
    words = head.cmdline()
    beside = [process for process in psutil.process_iter() if process != head and stands_beside(process, kernel, words)]
    found = [head, *head.children(recursive=True), *beside]
    assert {*children} <= {process.pid for process in found}
    return found


def stands_beside(process: psutil.Process, kernel: int, words: list[str]) -> bool:
    """Whether this is the guardian, a copy of the kernel, or the process of its port. Neither is a child of it."""
    try:
        found = process.cmdline()
    except psutil.Error:
        return False
    return found == words or (found[-1:] == [str(kernel)] and any("comm_port.py" in word for word in found))


async def gone(processes: Iterable[psutil.Process]) -> None:
    """Wait until none of the processes of a kernel runs."""
    left = [*processes]
    await wait_for(lambda: not any(map(runs, left)), f"the end of {left}")


def runs(process: psutil.Process) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def send(channels: WebSocketClientConnection, code: str, **metadata: Any) -> str:
    """Send a cell; its id."""
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "beyond", "version": "5.3",
              "username": "", "date": "2026-01-01T00:00:00Z"}  # fmt: skip
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    message = {"header": header, "parent_header": {}, "metadata": metadata, "content": content, "channel": "shell",
               "buffers": []}  # fmt: skip
    await channels.write_message(json.dumps(message))
    return header["msg_id"]


async def receive(channels: WebSocketClientConnection, asked: str, *kinds: str) -> dict[str, Any]:
    """The next message of one of these types that answers a cell."""
    end = time.monotonic() + DEADLINE
    while True:
        text = await asyncio.wait_for(channels.read_message(), max(0.0, end - time.monotonic()))
        assert text is not None, "the server has closed the channels"
        message: dict[str, Any] = json.loads(text)
        if message["parent_header"].get("msg_id") == asked and message["msg_type"] in kinds:
            return message


async def printed(channels: WebSocketClientConnection, code: str) -> list[int]:
    """The numbers that a cell prints. A server behind a server may listen only after the output of the first cell has
    gone by: then its reply comes without, and it is run again."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        asked = await send(channels, code)
        message = await receive(channels, asked, "stream", "error", "execute_reply")
        if message["msg_type"] == "execute_reply":
            try:
                message = await asyncio.wait_for(receive(channels, asked, "stream", "error"), 5)
            except TimeoutError:
                continue
        assert message["msg_type"] == "stream", message["content"]
        return [int(word) for word in message["content"]["text"].split()]
    raise AssertionError(f"no output within {DEADLINE} s")
