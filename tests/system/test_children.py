"""Ending the children of a process: real ones, of every kind that cells start, and those that are to stay."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

if sys.platform == "win32":
    pytest.skip("POSIX: sessions and signals", allow_module_level=True)

from async_kernel.system import processes
from async_kernel.system.children import end_processes
from async_kernel.system.processes import Process, family, ignores_hangup, list_processes, parse_ps, tell
from async_kernel.system.real import real

DEADLINE = 20.0


class TestFamily:
    """Whose child each process is."""

    def test_a_leader_has_its_whole_session(self) -> None:
        tree = [Process(10, 1, 10), Process(11, 10, 10), Process(12, 11, 10), Process(13, 1, 10), Process(14, 1, 14)]
        assert family(10, tree) == {11, 12, 13}

    def test_a_member_has_its_descendants(self) -> None:
        tree = [Process(10, 1, 10), Process(11, 10, 10), Process(12, 11, 10), Process(13, 12, 10), Process(14, 1, 10)]
        assert family(11, tree) == {12, 13}

    @pytest.mark.parametrize("me", [10, 11])
    def test_a_session_of_its_own_is_not_of_the_family(self, me: int) -> None:
        tree = [Process(10, 1, 10), Process(11, 10, 10), Process(12, 11, 12), Process(13, 12, 12), Process(14, 11, 10)]
        assert family(me, tree) == {14} | ({11} if me == 10 else set())

    def test_what_is_not_there_has_none(self) -> None:
        assert family(10, [Process(11, 10, 10)]) == set()


def listed(way: str) -> set[Process]:
    if way == "proc":
        return set(list_processes())
    ps = ["ps", *processes.PS[1:]]
    env = {**os.environ, **processes.PS_ENVIRONMENT}
    return set(parse_ps(subprocess.run(ps, check=True, capture_output=True, text=True, env=env).stdout))


def test_ps_says_when_a_process_was_started() -> None:
    [process] = parse_ps(f"{os.getpid()} 1 S    Sun Nov  9 09:13:57 2025\n")
    assert process.started == datetime(2025, 11, 9, 9, 13, 57, tzinfo=UTC).timestamp()


def test_ps_says_it_for_every_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    if not os.access(processes.PS[0], os.X_OK):
        pytest.skip("there is no ps on this machine")
    monkeypatch.setenv("TZ", "XYZ+5")
    time.tzset()
    try:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            [found] = [one for one in parse_ps(processes._run_ps()) if one.pid == child.pid]
            assert abs(found.started - time.time()) < 60
            child.kill()
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("way", ["proc", "ps"])
def test_what_runs_is_listed(way: str) -> None:
    if way == "ps" and not any(os.access(Path(folder, "ps"), os.X_OK) for folder in os.get_exec_path()):
        pytest.skip("there is no ps on this machine")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        try:
            found = {process._replace(started=0) for process in listed(way)}
            assert Process(os.getpid(), os.getppid(), os.getsid(0), 0, os.getpgrp()) in found
            assert Process(child.pid, os.getpid(), os.getsid(0), 0, os.getpgrp()) in found
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            assert child.pid not in {process.pid for process in listed(way)}, "it waits for its parent only"
        finally:
            child.kill()


def test_ps_is_run_without_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell may have replaced `subprocess`."""
    if not os.access(processes.PS[0], os.X_OK):
        pytest.skip("there is no ps on this machine")
    monkeypatch.setattr(subprocess, "Popen", None)
    assert os.getpid() in {process.pid for process in parse_ps(processes._run_ps())}
    monkeypatch.setattr(processes, "PS", ("/nowhere/ps",))
    before = sorted(Path("/dev/fd").iterdir())
    with pytest.raises(OSError, match="nowhere"):
        processes._run_ps()
    assert sorted(Path("/dev/fd").iterdir()) == before


class TestTelling:
    """A signal for a process that was listed."""

    @pytest.fixture
    def child(self) -> Iterator[subprocess.Popen[bytes]]:
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            yield child
            child.kill()

    @pytest.fixture(params=["by a descriptor", "by its number"], autouse=True)
    def way(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if sys.platform != "linux":
            pytest.skip("by its number, whatever it is now: other systems have no descriptors of processes")
        if request.param == "by its number":

            def refuse(pid: int) -> int:
                raise PermissionError("not in this sandbox")

            monkeypatch.setattr(real, "pidfd_open", refuse)

    def test_reaches_it(self, child: subprocess.Popen[bytes]) -> None:
        (listed,) = [process for process in list_processes() if process.pid == child.pid]
        tell(listed, signal.SIGTERM)
        assert child.wait(DEADLINE) == -signal.SIGTERM

    def test_reaches_it_when_its_parent_has_ended_meanwhile(self, child: subprocess.Popen[bytes]) -> None:
        (listed,) = [process for process in list_processes() if process.pid == child.pid]
        tell(listed._replace(parent=-1), signal.SIGTERM)
        assert child.wait(DEADLINE) == -signal.SIGTERM

    @pytest.mark.parametrize("other", [{"started": 1}, {"session": -1}], ids=repr)
    def test_does_not_reach_one_that_has_its_number_now(
        self, child: subprocess.Popen[bytes], other: dict[str, Any]
    ) -> None:
        (listed,) = [process for process in list_processes() if process.pid == child.pid]
        tell(listed._replace(**other), signal.SIGTERM)
        child.communicate(b"\n", timeout=DEADLINE)
        assert child.returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which signals a process ignores")
@pytest.mark.parametrize("ignores", [True, False])
def test_who_ignores_hangups(ignores: bool) -> None:
    code = f"import signal; signal.signal(signal.SIGHUP, signal.SIG_{'IGN' if ignores else 'DFL'}); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"1\n"
        assert ignores_hangup(child.pid) is ignores
        child.communicate(b"\n", timeout=DEADLINE)
    assert not ignores_hangup(child.pid)


SLEEP = f"[{sys.executable!r}, '-c', 'import time; time.sleep(100)']"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(100)"

START = {
    "Popen": f"subprocess.Popen({SLEEP})",
    "a shell in the background": "os.system('sleep 100 & echo $! > child')",
    "a child of a child": "subprocess.Popen('sleep 100 & echo $! > child; wait', shell=True)\nwait_for('child')",
    "a process group of its own": f"subprocess.Popen({SLEEP}, process_group=0)",
    **{
        f"a worker ({way})": "import multiprocessing\n"
        f"multiprocessing.get_context({way!r}).Process(target=time.sleep, args=[100], daemon=True).start()"
        for way in ("fork", "spawn", "forkserver")
    },
    "stopped": f"child = subprocess.Popen({SLEEP})\nos.kill(child.pid, signal.SIGSTOP)",
    "stubborn": f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], stdout=subprocess.PIPE)\n"
    "child.stdout.readline()",
}

DETACH = {
    "a session of its own": f"subprocess.Popen({SLEEP}, start_new_session=True)",
    "setsid": "os.system('setsid sleep 100 & echo $! > child')\n"
    "while os.getsid(int(open('child').read())) == os.getsid(0): time.sleep(0.01)",
}
if sys.platform == "linux":
    # What is to become nohup is the shell's own copy at first, which has not been told anything yet.
    DETACH["nohup"] = (
        "os.system('nohup sleep 100 >nohup.out 2>&1 & echo $! > child')\n"
        "while open(f'/proc/{open(\"child\").read().strip()}/comm').read() != 'sleep\\n': time.sleep(0.01)"
    )

BUSY_POOL = """import multiprocessing
pool = multiprocessing.get_context('fork').Pool(2)
working = pool.map_async(time.sleep, [100] * 4, chunksize=1)
while not pool._taskqueue.empty(): time.sleep(0.01)
"""


def test_a_busy_pool_is_ended_and_so_is_python(start: Start) -> None:
    """It replaces the workers that are ended, and its end at exit waits for a lock that one of them held."""
    program = start(BUSY_POOL, DEADLINE, True)
    assert len(alive(program.children)) == 2
    program.end_children()
    assert not alive(psutil.Process(program.process.pid).children(recursive=True))
    assert program.process.stdin is not None
    program.process.stdin.write("\n")
    program.process.stdin.flush()
    assert program.process.wait(DEADLINE) == 0


PROGRAM = """
import os, signal, subprocess, sys, time
from async_kernel.system import children

children.KILL_SECONDS = 20  # the machine may be busy

def wait_for(name):
    end = time.monotonic() + 20
    while not os.path.exists(name) or not open(name).read():
        assert time.monotonic() < end
        time.sleep(0.01)

if __name__ == "__main__":
{start}
    print("started", flush=True)
    input()
    children.end_children({grace})
    print("ended", flush=True)
    input()
"""


class Program:
    """A process that starts children, ends them when told, and goes on."""

    def __init__(self, folder: Path, start: str, grace: float, leads: bool, nohup: bool = False) -> None:
        self.folder = folder
        script = folder / "program.py"
        script.write_text(PROGRAM.format(start=textwrap.indent(start, " " * 4), grace=grace))
        root = str(Path(__file__).parents[2])
        self.process = subprocess.Popen(
            [*(["nohup"] if nohup else []), sys.executable, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            start_new_session=leads,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]).rstrip(":")},
        )
        self.children: list[psutil.Process] = []

    def wait_started(self) -> None:
        """Return once it has started its children, which are looked for then."""
        self.read("started")
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        pid = self.folder / "child"
        if pid.exists() and int(pid.read_text()) not in {child.pid for child in self.children}:
            self.children.append(psutil.Process(int(pid.read_text())))

    def read(self, word: str) -> None:
        """Read a line, which has to be `word`."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n"

    def end_children(self) -> None:
        """Have it end its children; return when it says that it has."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.read("ended")

    def close(self) -> None:
        """End it, and whatever it has started, which holds its stdout."""
        for child in self.children:
            if child.is_running():
                child.kill()
        try:
            self.process.communicate("\n\n", timeout=DEADLINE)
        finally:
            self.process.kill()


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start programs, and close them at the end."""
    with ExitStack() as stack:

        def start(code: str, grace: float, leads: bool, nohup: bool = False) -> Program:
            program = Program(tmp_path, code, grace, leads, nohup)
            stack.callback(program.close)
            program.wait_started()
            return program

        yield start


def alive(children: list[psutil.Process]) -> list[psutil.Process]:
    """Those that run. Multiprocessing's resource tracker is no child of anybody's work."""
    running = []
    for child in children:
        try:
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in " ".join(child.cmdline()):
                running.append(child)
        except psutil.NoSuchProcess:
            continue
    return running


LED = pytest.mark.parametrize("leads", [True, False], ids=["leads its session", "in a session"])

CASES = [(kind, leads) for kind in START for leads in (True, False)]
CASES.remove(("a shell in the background", False))  # its parent has ended: only a session that we lead tells it is ours


@pytest.mark.parametrize(("kind", "leads"), CASES)
def test_children_are_ended(start: Start, kind: str, leads: bool) -> None:
    hard = kind in {"stopped", "stubborn"}
    program = start(START[kind], 0.3 if hard else DEADLINE, leads)
    assert alive(program.children)
    program.end_children()
    assert not alive(program.children)


def test_one_that_is_found_no_more_is_ended_all_the_same() -> None:
    """Its parent has ended first, so that nothing says any more whose it is."""
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        answers = iter([frozenset(one for one in list_processes() if one.pid == child.pid)])
        try:
            end_processes(lambda: next(answers, frozenset()), 0.1)
            assert child.wait(1.0) == -signal.SIGKILL
        finally:
            child.kill()


@LED
@pytest.mark.parametrize("kind", DETACH)
def test_what_was_detached_stays(start: Start, kind: str, leads: bool) -> None:
    program = start(DETACH[kind], 0.3, leads)
    children = alive(program.children)
    assert children
    program.end_children()
    assert alive(children) == children


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not say which signals a process ignores")
def test_under_nohup_children_are_ended_all_the_same(start: Start) -> None:
    """They inherit that they ignore hangups: it says nothing of them."""
    program = start(START["Popen"], DEADLINE, True, nohup=True)
    assert alive(program.children)
    program.end_children()
    assert not alive(program.children)


def test_multiprocessing_can_clean_up_behind_itself(start: Start) -> None:
    program = start("from multiprocessing import resource_tracker\nresource_tracker.ensure_running()", 1.0, True)
    [tracker] = program.children
    program.end_children()
    assert tracker.is_running()


NAMESPACE = """
import os, subprocess, sys
bystander = subprocess.Popen(["sleep", "100"], start_new_session=True)
code = "import subprocess, sys; from async_kernel.system.children import end_children; "
code += "child = subprocess.Popen(['sleep', '100']); end_children(20); print(child.wait(20))"
for leads in (False, True):
    print(subprocess.run([sys.executable, "-c", code], stdout=-1, text=True, start_new_session=leads).stdout.strip())
print(bystander.poll())
bystander.kill()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no PID namespaces")
@pytest.mark.parametrize("proc", [["--mount-proc"], []], ids=["a /proc of its own", "the /proc outside"])
def test_in_a_pid_namespace_numbers_are_its_own(proc: list[str]) -> None:
    enter = ["unshare", *(["--map-root-user"] if os.geteuid() else []), "--pid", "--fork", "--kill-child", *proc]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make PID namespaces")
    done = subprocess.run([*enter, sys.executable, "-c", NAMESPACE], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["-15", "-15", "None"], "")


FORK = """
import os, signal, sys
from async_kernel.system.children import give_signals_back_in_children

signal.signal(signal.SIGTERM, print)
signal.signal(signal.SIGINT, print)
give_signals_back_in_children()
if os.fork() == 0:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert signal.set_wakeup_fd(-1) == -1
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def test_a_forked_child_has_python_s_own_handlers() -> None:
    ended = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=DEADLINE)
    assert (ended.returncode, ended.stderr) == (0, "")
