"""Rows 18, 19 and 25: ports, parents and ends."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import zmq

from ..kernel import Kernel, Subject, write_connection
from ..probe import Missed, Outcome, passed, probe, within
from ..wire import Client

# row 18: ports


@probe(18, "ipc", "the ipc transport")
def _(subject: Subject) -> Outcome:
    with Kernel(subject, transport="ipc") as kernel:
        if kernel.need("print('over ipc')").text != "over ipc\n":
            raise Missed("no output over ipc")
        return within(5, kernel.shutdown(10))


@probe(18, "registration", "JEP 66: the kernel picks its ports and registers them")
def _(subject: Subject) -> Outcome:
    """As jupyter_client documents it: "Registration file format", "Kernel startup handshake"."""
    with tempfile.TemporaryDirectory(prefix="needs-") as name, zmq.Context() as context:
        registry: zmq.Socket[bytes] = context.socket(zmq.ROUTER)
        registry.linger = 0
        key = uuid.uuid4().hex

        def sign(content: bytes) -> bytes:
            return hmac.new(key.encode(), content, hashlib.sha256).hexdigest().encode()

        file = {
            "kernel_id": uuid.uuid4().hex,
            "transport": "tcp",
            "registration_ip": "127.0.0.1",
            "registration_port": registry.bind_to_random_port("tcp://127.0.0.1"),
            "signature_scheme": "hmac-sha256",
            "key": key,
        }
        path = Path(name) / "registration.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(file))
        process = subprocess.Popen(
            subject.command(path), env=subject.environment(JUPYTER_RUNTIME_DIR=name), cwd=name,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            if not registry.poll(10_000):
                raise Missed("it registers with nobody" if process.poll() is None else "it does not start")
            identity, delimiter, digest, content = registry.recv_multipart()
            registered = json.loads(content)
            if (delimiter, digest, registered["kernel_id"]) != (b"<IDS|MSG>", sign(content), file["kernel_id"]):
                raise Missed(f"it registers {registered}")
            registry.send_multipart([identity, delimiter, sign(b"{}"), b"{}"])
            ports = {name: int(port) for name, port in registered.items() if name.endswith("_port")}
            client = Client({**file, "ip": "127.0.0.1", **ports}, lambda: process.poll() is None)
            try:
                client.reply(client.send("shell", "kernel_info_request"), 10, "kernel_info_reply on its own ports")
            finally:
                client.close()
        finally:
            process.kill()
            process.wait(10)
            registry.close()
    return passed()


# row 19: no orphans

_PARENT = """
import json, os, subprocess, sys
env = dict(os.environ)
if sys.argv[2] == "known": env["JPY_PARENT_PID"] = str(os.getpid())
else: env.pop("JPY_PARENT_PID", None)
null = subprocess.DEVNULL
argv = json.loads(sys.argv[1])
kernel = subprocess.Popen(argv, env=env, stdin=null, stdout=null, stderr=null, start_new_session=True)
print(kernel.pid, flush=True)
kernel.wait()
"""

_REAPER = """
import ctypes, os, subprocess, sys
if sys.argv[1] == "reap": ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
parent = subprocess.Popen([sys.executable, "-c", *sys.argv[2:]])
print(parent.pid, flush=True)
while True:
    try: os.wait()
    except ChildProcessError: break
"""


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _orphan(subject: Subject, reaper: str, launcher: str, busy: str) -> float:
    """Kill the process that started a kernel; return the seconds until the kernel is gone, 6 for "it stays"."""
    with tempfile.TemporaryDirectory(prefix="needs-") as name:
        path, connection = write_connection(Path(name))
        argv = json.dumps(subject.command(path))
        with subprocess.Popen(
            [sys.executable, "-c", _REAPER, reaper, _PARENT, argv, launcher],
            stdout=subprocess.PIPE, text=True, env=subject.environment(), cwd=name,
        ) as above:  # fmt: skip
            assert above.stdout
            parent, kernel = int(above.stdout.readline()), int(above.stdout.readline())
            client = Client(connection, lambda: not _gone(kernel))
            try:
                client.reply(client.send("shell", "kernel_info_request"), 30, "the first reply")
                client.reply(client.execute("import time"), 30)
                if busy:
                    cell = client.execute(f"print('ready')\n{busy}")
                    client.reply(client.send("control", "kernel_info_request"), 10, "a reply on control")
                    client.wait(lambda: client.find(cell, "execute_input") or client.messages, 5, "the busy cell")
                    time.sleep(0.2)
                os.kill(parent, signal.SIGKILL)
                start = time.perf_counter()
                while not _gone(kernel) and time.perf_counter() - start < 6:
                    client.pump(0.02)
                return time.perf_counter() - start
            finally:
                client.close()
                if not _gone(kernel):
                    os.kill(kernel, signal.SIGKILL)
                above.kill()


def _enter_orphan(name: str, title: str, reaper: str, busy: str) -> None:
    @probe(19, name, title)
    def _(subject: Subject) -> Outcome:
        took = _orphan(subject, reaper, "known", busy)
        if took >= 6:
            raise Missed("it lives on")
        return within(2.0, took)


_enter_orphan("orphan-idle", "gone after the death of its parent, idle", "init", "")
_enter_orphan("orphan-busy", "gone after the death of its parent, busy in time.sleep", "init", "time.sleep(60)")
_enter_orphan("orphan-computing", "gone after the death of its parent, computing", "init", "while True: pass")
_enter_orphan("orphan-subreaper", "gone after the death of its parent under a subreaper", "reap", "")


@probe(19, "orphan-detached", "not gone when no launcher named itself (detached on purpose)")
def _(subject: Subject) -> Outcome:
    if _orphan(subject, "init", "unknown", "") < 6:
        raise Missed("it ends with the process that started it")
    return passed("alive 6 s later")


# row 25: clean-up at shutdown

_MARK = """
import os, atexit, time
_file = os.open('marks', os.O_APPEND | os.O_CREAT | os.O_WRONLY)
def mark(word, write=os.write, file=_file): write(file, (word + '\\n').encode())
atexit.register(mark, 'atexit')
"""

_BACKGROUND = {
    "asyncio": "import asyncio\nasync def background():\n    try: await asyncio.sleep(100)\n    finally: mark('task')\n"
    "task = asyncio.create_task(background())\nawait asyncio.sleep(0.01)",
    "trio": "import trio\nasync def background():\n    try: await trio.sleep(100)\n    finally: mark('task')\n"
    "trio.lowlevel.spawn_system_task(background)\nawait trio.sleep(0.01)",
}

_GENERATOR = """
async def generate():
    try:
        yield 1
        yield 2
    finally: mark('generator')
generator = generate()
await generator.__anext__()
"""


def _ends(
    subject: Subject, setup: str, busy: str, wanted: set[str], end: Callable[[Kernel], float], limit: float
) -> Outcome:
    with Kernel(subject) as kernel:
        client = kernel.client
        kernel.need(_MARK)
        if setup:
            kernel.need(setup)
        if busy:
            cell = client.execute(busy)
            client.wait(lambda: "ready" in client.text(cell), 10, "the busy cell")
            time.sleep(0.2)
        took = end(kernel)
        marks = kernel.folder / "marks"
        found = set(marks.read_text().split()) if marks.exists() else set()
        if wanted - found:
            raise Missed(f"did not run: {', '.join(sorted(wanted - found))} (gone after {took:.2f} s)")
        return within(limit, took)


def _asked(kernel: Kernel) -> float:
    return kernel.shutdown(8)


def _told(kernel: Kernel) -> float:
    sent = time.perf_counter()
    kernel.process.terminate()
    return kernel.gone(sent, 8)


@probe(25, "end-idle", "shutdown while idle: atexit")
def _(subject: Subject) -> Outcome:
    return _ends(subject, "", "", {"atexit"}, _asked, 1.0)


@probe(25, "end-blocked", "shutdown while time.sleep blocks: finally and atexit")
def _(subject: Subject) -> Outcome:
    busy = "try:\n    print('ready')\n    time.sleep(60)\nfinally: mark('finally')"
    return _ends(subject, "", busy, {"finally", "atexit"}, _asked, 1.5)


@probe(25, "end-awaiting", "shutdown while a cell awaits: finally and atexit")
def _(subject: Subject) -> Outcome:
    library = subject.backend
    busy = f"import {library}\ntry:\n    print('ready')\n    await {library}.sleep(60)\nfinally: mark('finally')"
    return _ends(subject, "", busy, {"finally", "atexit"}, _asked, 1.5)


@probe(25, "end-task", "shutdown: finally of background tasks")
def _(subject: Subject) -> Outcome:
    return _ends(subject, _BACKGROUND[subject.backend], "", {"task", "atexit"}, _asked, 1.5)


@probe(25, "end-generator", "shutdown: finally of suspended async generators")
def _(subject: Subject) -> Outcome:
    return _ends(subject, _GENERATOR, "", {"generator", "atexit"}, _asked, 1.5)


@probe(25, "end-sigterm-idle", "SIGTERM while idle is a clean shutdown")
def _(subject: Subject) -> Outcome:
    return _ends(subject, "", "", {"atexit"}, _told, 1.0)


@probe(25, "end-sigterm-blocked", "SIGTERM while time.sleep blocks is a clean shutdown")
def _(subject: Subject) -> Outcome:
    busy = "try:\n    print('ready')\n    time.sleep(60)\nfinally: mark('finally')"
    return _ends(subject, "", busy, {"finally", "atexit"}, _told, 1.5)


@probe(25, "end-threads", "shutdown does not wait for a thread of the user's that hangs")
def _(subject: Subject) -> Outcome:
    return _ends(
        subject, "import threading\nthreading.Thread(target=time.sleep, args=[30]).start()", "", set(), _asked, 3.0
    )


@probe(25, "end-reply", "shutdown is answered, and idle before the end")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("1")
        request = kernel.client.send("control", "shutdown_request", {"restart": True})
        reply = kernel.client.reply(request, 5, "shutdown_reply")
        if reply.content.get("restart") is not True:
            raise Missed(f"the reply says {reply.content}")
        took = kernel.gone(reply.at, 8)
        if kernel.process.returncode:
            raise Missed(f"exit status {kernel.process.returncode}: {kernel.log().strip()[-160:]}")
        return within(1.0, took)


@probe(25, "end-children", "child processes of cells are ended at shutdown")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.need("import subprocess\nchild = subprocess.Popen(['sleep', '300'])")
        family = [child for child in kernel.children() if child.name() == "sleep"]
        if not family:
            raise Missed("no child")
        took = kernel.shutdown(8)
        _, alive = psutil.wait_procs(family, 2)
        for child in alive:
            child.kill()
        if alive:
            raise Missed(f"a child lives on (the kernel was gone after {took:.2f} s)")
        return within(1.5, took)


@probe(25, "end-cause", "a fatal signal leaves its cause in the log")
def _(subject: Subject) -> Outcome:
    with Kernel(subject) as kernel:
        kernel.client.execute("import ctypes\nctypes.string_at(0)")
        kernel.client.wait(lambda: not kernel.alive(), 10, "the crash")
        if "Segmentation fault" not in kernel.log() and "SIGSEGV" not in kernel.log():
            raise Missed("the log says nothing")
        if kernel.process.returncode not in (-signal.SIGSEGV, 128 + signal.SIGSEGV):
            raise Missed(f"exit status {kernel.process.returncode}")
    return passed()
