"""The figures that were wanted when the kernel was first attacked, measured anew.

Each test is a black box, so it can be put to the kernel of another interpreter, such as that of an older version:

    python -m tests.chaos tests/chaos/test_wanted.py --long --python=OTHER/bin/python

The figures stand at the end of the run, by the numbers of docs/explain/promises.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import shutil
import signal
import socket as tcp
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq

from tests.e2e.test_exit_functions import COMPUTES, POOLS, UNENDING
from tests.e2e.test_memory import CELLS, FILL
from tests.e2e.test_shutdown import HOLDS_GIL
from tests.needs.kernel import Kernel, free_ports
from tests.needs.wire import Missed

from .faults import THREADS
from .kernels import SECONDS, ends, serves, subject, wait_for_end
from .strangers import Context, plain, stranger

MILLISECONDS = round(1000 * SECONDS)

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="/proc, limits and signals of Linux"),
    pytest.mark.table("wanted"),
    pytest.mark.timeout(600),
]

Note = Callable[[str], None]

MIB = 1 << 20


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Say a figure, for the end of the run."""
    return lambda text: record_property("figure", text)


def signed(kernel: Kernel, *parts: bytes) -> list[bytes]:
    """The frames of a message with these four parts, as who has the key signs them."""
    digest = hmac.new(kernel.connection["key"].encode(), b"".join(parts), hashlib.sha256)
    return [b"<IDS|MSG>", digest.hexdigest().encode(), *parts]


def header(number: int, msg_type: str = "kernel_info_request") -> dict[str, Any]:
    return {"msg_id": f"m{number}", "session": "s", "username": "u", "msg_type": msg_type, "version": "5.5", "date": ""}


class Peak:
    """Bytes that a process holds more at its peak than when this was made."""

    def __init__(self, pid: int) -> None:
        self._folder = Path(f"/proc/{pid}")
        (self._folder / "clear_refs").write_text("5")  # proc(5): the peak begins anew
        self._before = self._read()

    def _read(self) -> int:
        for line in (self._folder / "status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
        raise AssertionError("a process without a peak")

    def grown(self) -> int:
        return self._read() - self._before


def memory_settles(kernel: Kernel) -> None:
    """All that it loads by itself is there, and what was sent to it before this has been read."""
    for _ in range(20):
        kernel.need("pass", SECONDS)


def in_time(kernel: Kernel, times: int = 20) -> list[float]:
    """Seconds from a cell to its idle, so many times."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        kernel.need("pass", SECONDS)
        took.append(time.perf_counter() - began)
    return took


def test_1_a_subscriber_that_stalls(loop: str, note: Note, context: Context) -> None:
    with Kernel(subject(loop)) as kernel:
        staller = stranger(context, kernel, "iopub", zmq.SUB)
        staller.subscribe(b"")
        kernel.need("pass")
        assert staller.poll(MILLISECONDS), "it was not served, and cannot stall"
        request = kernel.client.execute("for n in range(6000): display('x' * 100 + str(n))")
        with suppress(Missed):
            kernel.client.idle(request, SECONDS)
        came = len(kernel.client.displayed(request))
        note(f"{came} of 6,000 displays")
        took = in_time(kernel)
        note(f"idle after {1000 * statistics.median(took):.1f} ms, worst {1000 * max(took):.1f}")
        assert came == 6000
        assert statistics.median(took) < 0.1


def subscribe_at_length(kernel: Kernel, context: Context) -> None:
    for number in range(100):
        one = context.keep(plain(kernel, "iopub"))  # what has not been read when it is closed would be dropped
        with suppress(OSError):
            one.sendall(b"\x02" + (1_000_001).to_bytes(8, "big") + b"\x01" + bytes([number]) * 1_000_000)


def subscribe_often(kernel: Kernel, context: Context) -> None:
    one = stranger(context, kernel, "iopub", zmq.XSUB)
    for number in range(50_000):
        one.send(b"\x01topic %d" % number)


def send_a_long_frame(kernel: Kernel, context: Context) -> None:
    with plain(kernel, "shell") as one, suppress(OSError):
        one.sendall(b"\x02" + (512 << 20).to_bytes(8, "big"))
        for _ in range(512):
            one.sendall(bytes(MIB))


def leave_heartbeats_unread(kernel: Kernel, context: Context) -> None:
    one = stranger(context, kernel, "hb", zmq.DEALER)
    for _ in range(3000):
        one.send(bytes(100_000))
    heart = stranger(context, kernel, "hb", zmq.REQ)
    for _ in range(20):
        heart.send(b"ping")
        assert heart.poll(MILLISECONDS), "no heartbeat"
        heart.recv()


JUNK = (subscribe_at_length, subscribe_often, send_a_long_frame, leave_heartbeats_unread)


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: junk.__name__)
def test_2_memory_under_junk(loop: str, note: Note, context: Context, junk: Callable[[Kernel, Context], None]) -> None:
    with Kernel(subject(loop)) as kernel:
        memory_settles(kernel)
        peak = Peak(kernel.process.pid)
        junk(kernel, context)
        memory_settles(kernel)
        note(f"{peak.grown() / MIB:.1f} MiB at its peak")
        assert peak.grown() < 32 * MIB


def encrypt(folder: Path) -> None:
    """Put keys for CurveZMQ into the connection file."""
    file = folder / "kernel.json"
    public, secret = (key.decode() for key in zmq.curve_keypair())
    keys = {"curve_publickey": public, "curve_secretkey": secret}
    file.write_text(json.dumps({**json.loads(file.read_text()), **keys}))


def test_3_16_keys_in_the_connection_file(loop: str, note: Note, context: Context) -> None:
    """Who knows the key alone is heard, and nobody takes the identity of a client."""
    with Kernel(subject(loop), prepare=encrypt, connect=False) as kernel:
        kernel.client.send("shell", "kernel_info_request")  # by the client that knows no key
        kernel.client.pump(0)
        known = json.loads(kernel.connection_file.read_text())
        with suppress(Missed):
            kernel.client.wait(lambda: kernel.client.messages, 5, "plain text")
        note(f"{len(kernel.client.messages)} messages in plain text")
        assert not kernel.client.messages
        kernel.reconnect(known)
        thief = stranger(context, kernel, "shell", zmq.DEALER)
        thief.close()
        thief = context.socket(zmq.DEALER)
        thief.identity = kernel.client.sockets["shell"].identity
        thief.connect(f"tcp://127.0.0.1:{known['shell_port']}")
        thief.send_multipart(signed(kernel, json.dumps(header(1)).encode(), b"{}", b"{}", b"{}"))
        took = in_time(kernel)
        note(f"{len(took)} of 20 replies beside a thief of the identity")
        assert not thief.poll(0)


def test_4_a_captured_message_runs_once(loop: str, note: Note, long: bool) -> None:
    """Behind so many good ones; and what bad ones leave in the log."""
    count = 140_000 if long else 10_000
    with Kernel(subject(loop)) as kernel:
        client = kernel.client
        kernel.need("ran = 0")
        content = {"code": "ran += 1", "silent": False, "user_expressions": {}, "allow_stdin": False}
        captured = signed(
            kernel, json.dumps(header(0, "execute_request")).encode(), b"{}", b"{}", json.dumps(content).encode()
        )
        client.sockets["shell"].send_multipart(captured)
        kernel.need("assert ran == 1")
        for number in range(1, count):  # nobody waits for them, and each is remembered
            parts = json.dumps(header(number, "input_reply")).encode(), b"{}", b"{}", b'{"value": ""}'
            client.sockets["shell"].send_multipart(signed(kernel, *parts))
            if number % 1000 == 0:
                client.idle(client.send("shell", "kernel_info_request"), SECONDS)
                client.forget()
        client.sockets["shell"].send_multipart(captured)
        ran = int(kernel.need("print(ran)").text)
        note(f"ran {ran} times, {count:,} messages apart")
        for number in range(count):
            client.sockets["shell"].send_multipart([b"<IDS|MSG>", b"%064x" % number, b"{}", b"{}", b"{}", b"{}"])
            if number % 1000 == 0:
                client.idle(client.send("shell", "kernel_info_request"), SECONDS)
                client.forget()
        note(f"{len(kernel.log()) / 1024:.1f} KiB of log for {count:,} bad ones")
        assert ran == 1
        assert len(kernel.log()) < 64 << 10


def test_4_replies_that_nobody_reads(loop: str, note: Note, context: Context) -> None:
    with Kernel(subject(loop)) as kernel:
        memory_settles(kernel)
        peak = Peak(kernel.process.pid)
        lazy = stranger(context, kernel, "shell", zmq.DEALER)
        content = json.dumps({"code": "", "silent": True, "user_expressions": {"text": "'y' * 200_000"}}).encode()
        for number in range(1500):
            lazy.send_multipart(
                signed(kernel, json.dumps(header(number, "execute_request")).encode(), b"{}", b"{}", content)
            )
        memory_settles(kernel)
        note(f"{peak.grown() / MIB:.0f} MiB of 300 at its peak")
        assert peak.grown() < 128 * MIB


HEADERS = {
    "NaN": b'{"msg_id":"a","session":"s","username":"u","msg_type":"kernel_info_request","version":"5.5","x":NaN}',
    "UTF-16": json.dumps(header(1)).encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf" + json.dumps(header(2)).encode(),
    "a surrogate": json.dumps({**header(3), "username": "\ud800"}).encode(),
    "surrogates in UTF-8": json.dumps({**header(4), "username": "\ud800"}, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    ),
}


def test_5_headers_that_browsers_cannot_parse(loop: str, note: Note, context: Context) -> None:
    with Kernel(subject(loop)) as kernel:
        ear = context.socket(zmq.SUB)
        ear.subscribe(b"")
        ear.connect(f"tcp://127.0.0.1:{kernel.connection['iopub_port']}")
        assert ear.poll(MILLISECONDS), "the welcome"
        for text in HEADERS.values():
            kernel.client.sockets["shell"].send_multipart(signed(kernel, text, b"{}", b"{}", b"{}"))
        kernel.client.sockets["shell"].setsockopt(zmq.LINGER, 0)
        last = signed(kernel, json.dumps(header(9)).encode(), b"{}", b"{}", b"{}")
        kernel.client.sockets["shell"].send_multipart(last)
        heard: list[bytes] = []
        while not any(b'"m9"' in frame for frame in heard):
            assert ear.poll(MILLISECONDS), "the last status"
            heard += ear.recv_multipart()
        sent = [name for name, text in HEADERS.items() if text in heard]
        note(f"{len(sent)} of {len(HEADERS)} wrong headers sent to all: {', '.join(sent) or 'none'}")
        assert not sent


BEGETS = """
import os, subprocess, sys, time
os.environ["JPY_PARENT_PID"] = str(os.getpid())  # as jupyter_client does
subprocess.Popen(sys.argv[1:])
time.sleep(600)
"""


def test_6_the_parent_is_killed_while_c_code_holds_the_gil(loop: str, note: Note, long: bool) -> None:
    took = []
    for _ in range(12 if long else 2):
        with Kernel(subject(loop, [sys.executable, "-c", BEGETS])) as kernel:
            kernel.need("import subprocess; child = subprocess.Popen(['sleep', '300'])")
            family = psutil.Process(kernel.process.pid).children(recursive=True)
            kernel.client.execute(HOLDS_GIL)
            kernel.client.wait((kernel.folder / "held").exists, SECONDS, "the C call")
            kernel.process.kill()
            began = time.perf_counter()
            left = wait_for_end(family, 10)
            took.append(time.perf_counter() - began)
            for one in left:
                one.kill()
    gone = [each for each in took if each < 10]
    note(f"{len(gone)} of {len(took)} gone, the last within {max(gone, default=0):.2f} s")
    assert max(took) < 2


def test_10_a_pid_namespace_of_its_own(loop: str, note: Note) -> None:
    """The parent that the launcher names is nobody there."""
    enter = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make PID namespaces")
    with Kernel(subject(loop, enter, {"JPY_PARENT_PID": "31999"}), connect=False) as kernel:
        with suppress(Missed):
            kernel.reach()
        note("it runs" if kernel.alive() else f"it ended with status {kernel.process.returncode}: {kernel.log()!r}")
        serves(kernel)
        ends(kernel)


KEEPS = """
import atexit, pathlib
word = 'mine'
atexit.register(lambda: pathlib.Path('gone').write_text(word))
"""


def test_7_exit_functions_find_their_globals(loop: str, note: Note) -> None:
    with Kernel(subject(loop)) as kernel:
        kernel.need(KEEPS)
        kernel.shutdown(SECONDS)
        file = kernel.folder / "gone"
        said = file.read_text() if file.exists() else "nothing"
        note(f"an exit function wrote {said}")
        assert said == "mine"


@pytest.mark.parametrize("what", CELLS)
def test_8_a_cell_that_fills_the_memory(loop: str, note: Note, what: str) -> None:
    with Kernel(subject(loop)) as kernel:
        kernel.need(FILL)
        cell = kernel.run(CELLS[what], SECONDS)
        kernel.need("del kept; resource.setrlimit(resource.RLIMIT_AS, allowed)", SECONDS)
        note(f"{cell.error.strip(': ')}, then it serves")
        assert cell.error.startswith("MemoryError")
        serves(kernel)


def test_9_no_threads(loop: str, note: Note) -> None:
    with Kernel(subject(loop)) as kernel:
        client = kernel.client
        kernel.need(THREADS)
        for name, channel, msg_type, content in (
            ("debug_request", "control", "debug_request", {"type": "request", "seq": 1, "command": "initialize"}),
            ("completion beside a cell", "shell", "complete_request", {"code": "pri", "cursor_pos": 3}),
        ):
            if channel == "shell":
                busy = client.execute("import time; print('in', flush=True)\nfor _ in range(50): time.sleep(0.1)")
                client.wait(lambda: "in" in client.text(busy), SECONDS, "the cell")  # noqa: B023  # called within the round
            began = time.perf_counter()
            asked = client.send(channel, msg_type, content)
            with suppress(Missed):
                client.reply(asked, 10)
            took = time.perf_counter() - began
            note(f"{name}: {took:.2f} s" if took < 10 else f"{name}: no reply")
            assert took < 1


def test_11_a_busy_pool(loop: str, note: Note) -> None:
    took = {}
    for kind, code in POOLS.items():
        with Kernel(subject(loop)._replace(before="")) as kernel:
            kernel.need(KEEPS + COMPUTES)
            kernel.client.execute(code)
            for number in range(2):
                kernel.client.wait((kernel.folder / f"spins {number}").exists, SECONDS, "a worker that computes")
            family = kernel.children()
            took[kind] = kernel.shutdown(SECONDS)
            left = wait_for_end(family, 1)
            note(f"{kind}: {took[kind]:.2f} s, {len(left)} left")
            assert not left
            assert (kernel.folder / "gone").exists(), "the exit function"
    assert statistics.median(took.values()) < 1


def test_11_what_hangs_runs_the_exit_functions(loop: str, note: Note) -> None:
    with Kernel(subject(loop)._replace(before="")) as kernel:
        kernel.need(KEEPS)
        request = kernel.client.execute(UNENDING)
        kernel.client.wait(lambda: "in" in kernel.client.text(request), SECONDS, "the cell")
        took = kernel.shutdown(SECONDS)
        ran = (kernel.folder / "gone").exists()
        note(f"by force after {took:.1f} s, the exit function {'ran' if ran else 'did not run'}")
        assert ran


@pytest.mark.parametrize("name", ["SIGHUP", "SIGQUIT", "SIGUSR1", "SIGALRM", "SIGKILL"])
def test_12_signals_leave_nothing(loop: str, note: Note, name: str) -> None:
    """Of its own connection file: `test_kills`."""
    with Kernel(subject(loop)) as kernel:
        kernel.need("import subprocess; child = subprocess.Popen(['sleep', '300'])")
        family = kernel.children()
        kernel.process.send_signal(signal.Signals[name])
        kernel.client.wait(lambda: not kernel.alive(), SECONDS, "the end")
        left = wait_for_end(family, 3)
        for one in left:
            one.kill()
        note(f"status {kernel.process.returncode}, {len(left)} children left")
        assert not left
        assert kernel.process.returncode == (0 if name == "SIGHUP" else -signal.Signals[name])


def test_12_sockets_in_files(loop: str, note: Note) -> None:
    wrap = ["sh", "-c", 'umask 0; exec "$@"', "sh"]
    with Kernel(subject(loop, wrap), transport="ipc") as kernel:
        files = [Path(f"{kernel.connection['ip']}-{number}") for number in range(1, 6)]
        open_to_all = [f for f in files if f.stat().st_mode & 0o077 and f.resolve().parent.stat().st_mode & 0o077]
        kernel.shutdown(SECONDS)
        left = [file for file in files if file.exists() or file.is_symlink()]
        note(f"{len(open_to_all)} of 5 sockets open to others, {len(left)} left behind")
        assert not left
        assert not [f for f in open_to_all if f]


def stored(file: Path) -> list[str]:
    """The inputs of a history."""
    with closing(sqlite3.connect(file)) as reader:
        return [row[0] for row in reader.execute("SELECT source_raw FROM history")]


def test_13_a_history_that_is_locked(loop: str, note: Note) -> None:
    with Kernel(subject(loop)) as kernel:
        kernel.need("'before'")
        file = next(kernel.folder.rglob("history.sqlite"))
        with closing(sqlite3.connect(file, isolation_level=None, timeout=SECONDS)) as other:
            other.execute("BEGIN EXCLUSIVE")
            took = []
            for number in range(10):
                began = time.perf_counter()
                kernel.need(f"'locked {number}'", SECONDS)
                took.append(time.perf_counter() - began)
                time.sleep(0.3)
            other.execute("ROLLBACK")
        kernel.shutdown(SECONDS)
        saved = sum(f"'locked {number}'" in stored(file) for number in range(10))
        note(f"cells took {max(took):.2f} s at most, {saved} of 10 saved")
        assert max(took) < 1
        assert saved == 10


def test_13_a_history_that_is_locked_at_the_start(loop: str, note: Note) -> None:
    with Kernel(subject(loop)) as kernel:
        kernel.need("'before'")
        kernel.shutdown(SECONDS)
        file = next(kernel.folder.rglob("history.sqlite"))
        with closing(sqlite3.connect(file, isolation_level=None, timeout=SECONDS)) as other:
            other.execute("BEGIN EXCLUSIVE")
            kernel._start()
            kernel.reach()
            kernel.need("'while locked'", SECONDS)
            other.execute("ROLLBACK")
        kernel.shutdown(SECONDS)
        moved = list(file.parent.glob("*corrupt*"))
        saved = "'while locked'" in stored(file)
        note(f"{len(moved)} histories moved away, the cell {'saved' if saved else 'lost'}")
        assert not moved
        assert saved


COUNT = """
import gc, sys
def visible():
    history, shell = get_ipython().history_manager, get_ipython()
    lists, names = [history.input_hist_raw, history.input_hist_parsed], [shell.user_ns, shell.user_ns_hidden]
    all = [*lists, *names, *lists[0], *lists[1], *(name for each in names for name in each if name.startswith('_i'))]
    return sum(sys.getsizeof(one) for one in {id(one): one for one in all}.values())
def held():
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - visible()
import tracemalloc; tracemalloc.start()
"""


def test_14_memory_of_distinct_cells(loop: str, note: Note, long: bool) -> None:
    count = 10_000 if long else 1_000
    with Kernel(subject(loop)) as kernel:
        kernel.need(COUNT)
        for number in range(2 * count):
            if number == count:
                before = int(kernel.need("print(held())").text)
            kernel.need(f"x = {number + 10_000_000}", SECONDS)
            kernel.client.forget()
        grown = int(kernel.need("print(held())").text) - before
        for number in range(100_000 if long else 10_000):
            junk = [b"<IDS|MSG>", b"%064x" % number, b'{"msg_id": "%d"}' % number, b"{}", b"{}", b"{}"]
            kernel.client.sockets["shell"].send_multipart(junk)
            if number % 1000 == 0:
                kernel.need("pass", SECONDS)
                kernel.client.forget()
        keyless = int(kernel.need("print(held())").text) - before - grown
        note(f"{grown / 1024:.0f} KiB for {count:,} cells, {keyless / 1024:.0f} KiB for frames without the key")
        assert grown < MIB / 2 * count / 10_000 + (64 << 10)
        assert keyless < MIB / 2


CHANNELS = ("control_port", "shell_port", "stdin_port", "iopub_port", "hb_port")


def is_open(port: int) -> bool:
    """Whether a process takes connections there."""
    with tcp.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def leave_ports_free(folder: Path) -> None:
    file = folder / "kernel.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **dict.fromkeys(CHANNELS, 0)}))


def test_15_ports_that_are_left_to_the_kernel(loop: str, note: Note) -> None:
    """It finds some, and says in the file which they are."""
    with Kernel(subject(loop), prepare=leave_ports_free, connect=False) as kernel:

        def told() -> dict[str, Any] | None:
            known: dict[str, Any] = json.loads(kernel.connection_file.read_text() or "{}")  # it may be being written
            return known if all(known.get(name) for name in CHANNELS) else None

        with suppress(Missed):
            kernel.client.wait(told, 10, "ports")
        known = told()
        note(f"{len(CHANNELS) if known else 0} of {len(CHANNELS)} in the file")
        assert known
        kernel.reconnect(known)
        serves(kernel)


def test_15_a_port_that_is_taken(loop: str, note: Note) -> None:
    """The client knows no other, so that it is told at once: by the end of the process."""
    with tcp.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        ports = [*free_ports()[0][:-1], server.getsockname()[1]]
        with Kernel(subject(loop), ports=ports, connect=False) as kernel:
            first = kernel.connection["control_port"]
            kernel.client.wait(lambda: is_open(first) or not kernel.alive(), SECONDS, "its first port")
            began = time.monotonic()
            kernel.process.wait(SECONDS)
            took = time.monotonic() - began
            note(f"told within {took:.2f} s")
            assert "cannot be bound" in kernel.log()
            assert took < 1.5


@pytest.mark.timeout(3600)
def test_15_starts_at_once(loop: str, note: Note, long: bool) -> None:
    """Each launcher finds ports and lets them go, and others may be given the same: then one has it, and the kernel
    that has not says so and ends. All others serve."""
    with ExitStack() as stack:
        kernels = []
        for _ in range(200 if long else 12):
            kernel = stack.enter_context(Kernel(subject(loop)._replace(before=""), connect=False))
            kernel.client.close()  # of so many that try again all the time, the kernels would come to nothing
            kernels.append(kernel)
        given = Counter(kernel.connection[name] for kernel in kernels for name in CHANNELS)
        failed = []
        for kernel in kernels:
            own = [kernel.connection[name] for name in CHANNELS]
            wait_until_open(kernel, own)
            try:
                kernel.reconnect()
                serves(kernel)
            except Missed:
                failed.append(kernel)
            kernel.client.close()
        twice = sum(times - 1 for times in given.values())
        note(f"{len(failed)} of {len(kernels)} failed, {twice} ports were given twice")
        for kernel in failed:
            found = re.search(r"cannot be bound to tcp://127\.0\.0\.1:(\d+)", kernel.log())
            assert found, kernel.log()
            port = int(found[1])
            assert given[port] > 1 or is_open(port), f"nobody else has {port}"


def wait_until_open(kernel: Kernel, ports: list[int]) -> None:
    """Or until it has ended."""
    end = time.monotonic() + 1500
    while kernel.alive() and not all(map(is_open, ports)):
        assert time.monotonic() < end
        time.sleep(0.05)


SLOW = """
import pathlib, threading, time
clear = threading.Event.clear
def clear_late(self):
    if threading.current_thread().name == 'history':
        pathlib.Path('clears').touch()
        time.sleep(2)
    clear(self)
threading.Event.clear = clear_late
"""
"""The thread of the history stands still between a wait for an event and its clearing, if it does the two."""


def test_17_an_end_beside_the_thread_of_the_history(loop: str, note: Note) -> None:
    """A shutdown that comes when that thread wakes, a second after a cell. Each order of the two threads that there is:
    tests/ipython/test_history_file.py."""
    with Kernel(subject(loop)) as kernel:
        kernel.need(SLOW)
        with suppress(Missed):  # a thread that clears nothing has no such moment
            kernel.client.wait((kernel.folder / "clears").exists, 3, "the moment")
        took = kernel.shutdown(SECONDS)
        note(f"ended after {took:.1f} s with status {kernel.process.returncode}")
        assert kernel.process.returncode == 0


FILE = """
with open({log!r}, "a") as file: file.write(__name__ + " ")
"""


def test_18_files_beside_the_notebook(loop: str, note: Note) -> None:
    names = sorted({*sys.stdlib_module_names, "IPython", "zmq", "anyio", "trio", "traitlets", "comm"} - {"antigravity"})

    def lay(folder: Path) -> None:
        for name in names:
            (folder / f"{name}.py").write_text(FILE.format(log=str(folder / "run")))

    with Kernel(subject(loop), prepare=lay, connect=False) as kernel:
        with suppress(Missed):
            kernel.reach()
        ran = kernel.folder / "run"
        were = sorted(set(ran.read_text().split())) if ran.exists() else []
        state = "lives" if kernel.alive() else "died"
        note(f"{len(were)} of {len(names)} files run; it {state} ({' '.join(were[:4])})")
        assert not were
        serves(kernel)
