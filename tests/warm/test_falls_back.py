"""Whatever goes wrong with a ready process, the kernel starts, cold; and one that cannot be the same kernel says no."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from jupyter_client.kernelspec import KernelSpec, get_kernel_spec
from jupyter_client.manager import KernelManager

from async_kernel.warm import pool as pools
from async_kernel.warm.channel import receive, send
from async_kernel.warm.pool import Model, NotWarmError, Pool, Standby, hand_over, pool_for, start_standby
from async_kernel.warm.provisioner import Launch
from tests.e2e.driver import process_of, wait_until

from .conftest import StartWarm, WarmDriver, spec_of, wait_filled


class Log(list[str]):
    """What a log is told."""

    def warning(self, text: str, *values: Any) -> None:
        self.append(text % values)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """The log of provisioners."""
    from async_kernel.warm.provisioner import WarmProvisioner

    log = Log()
    monkeypatch.setattr(WarmProvisioner, "log", log)
    return log


@pytest.fixture
def filled(start: StartWarm, log: Log) -> Iterator[WarmDriver]:
    """A kernel after which a process is ready."""
    driver = start()
    wait_filled(driver.pool)
    yield driver
    assert driver.pool.ready == [] or driver.pool.ready[0].process.poll() is None


def is_cold_and_well(driver: WarmDriver) -> bool:
    return driver.value("1 + 1") == 2 and not driver.is_warm


def test_a_process_that_has_died(filled: WarmDriver, start: StartWarm, log: Log) -> None:
    ready = filled.pool.ready[0]
    ready.process.send_signal(signal.SIGKILL)
    assert is_cold_and_well(start(standbys=0))
    wait_until(lambda: ready.process.returncode is not None, "its exit status")


def test_one_that_does_not_answer(
    filled: WarmDriver, start: StartWarm, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ended before another kernel gets its connection file."""
    monkeypatch.setattr(pools, "ANSWER_SECONDS", 0.2)
    ready = filled.pool.ready[0]
    ready.process.send_signal(signal.SIGSTOP)
    assert is_cold_and_well(start(standbys=0))
    assert ready.process.returncode == -signal.SIGKILL
    assert "did not answer" in log[-1]


def test_streams_that_cannot_be_passed_on(
    filled: WarmDriver, start: StartWarm, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ready process is not taken for nothing: nobody would end it."""

    def fail(launch: Launch, opened: object) -> list[int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(Launch, "_descriptors", fail)
    ready = filled.pool.ready[0]
    assert is_cold_and_well(start(standbys=0))
    assert "cannot be passed on" in log[-1]
    wait_until(lambda: ready.process.returncode is not None, "its exit status")


def stranger(answer: Callable[[socket.socket], None]) -> Standby:
    """A process that is no standby, for which a thread answers."""
    ours, theirs = socket.socketpair()
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)

    def serve() -> None:
        with theirs:
            answer(theirs)

    threading.Thread(target=serve).start()
    return Standby(process, ours)


def _nonsense(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"\0\0\0\2ab")


def _another(connection: socket.socket) -> None:
    receive(connection)
    send(connection, ["taken"])


def _half(connection: socket.socket) -> None:
    connection.recv(2)


def _silence_after_a_length(connection: socket.socket) -> None:
    receive(connection)
    connection.sendall(b"\0\0\0\7{")


@pytest.mark.parametrize("answer", [_nonsense, _another, _half, _silence_after_a_length])
def test_a_wrong_answer(answer: Callable[[socket.socket], None]) -> None:
    odd = stranger(answer)
    with pytest.raises(NotWarmError):
        hand_over(odd, {}, [0, 1, 2])
    assert odd.process.returncode == -signal.SIGKILL


def test_a_wrong_answer_makes_a_cold_start(specs: Mapping[str, str], start: StartWarm, log: Log) -> None:
    pool_for(get_kernel_spec(specs["asyncio"]).argv).ready.append(stranger(_nonsense))
    assert is_cold_and_well(start(standbys=0))
    assert len(log) == 1


def test_no_socket(start: StartWarm, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any) -> None:
        raise PermissionError("no sockets here")

    monkeypatch.setattr(pools, "socket", SimpleNamespace(socketpair=refused))
    assert is_cold_and_well(start())
    wait_until(lambda: log, "a line in the log")
    assert "no sockets here" in log[0]


def test_a_package_without_warm_starts(start: StartWarm, log: Log, tmp_path: Path) -> None:
    """The Python of the spec has another version of this package than the server."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *.warm) exit 1;; esac\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    pool = Pool()
    pool.fill(Model([str(python), "-m", "async_kernel"], os.environ), 1, os.getpid(), cast("Any", log))
    wait_until(lambda: log, "a line in the log")
    assert not pool.ready


def test_other_arguments_make_a_cold_start(filled: WarmDriver, start: StartWarm, log: Log) -> None:
    assert is_cold_and_well(start(standbys=0, arguments=["--shell.timeout=7"]))
    assert log == ["The kernel starts cold: other arguments."]


COMMAND = [sys.executable, "-m", "async_kernel", "-f", "connection.json", "--backend=asyncio"]


class Refused(NamedTuple):
    """A start that was asked of a process which had been made for another one, and its answer."""

    reason: str
    command: Sequence[str] = COMMAND
    env: Mapping[str, str] = MappingProxyType({})
    cwd: str = "/"


@pytest.mark.parametrize(
    "refused",
    [
        Refused("another value of MALLOC_ARENA_MAX", env={"MALLOC_ARENA_MAX": "2"}),
        Refused("another value of LC_ALL, PYTHONDEVMODE", env={"PYTHONDEVMODE": "1", "LC_ALL": "C.UTF-8"}),
        Refused("another value of TERM", env={"TERM": "another"}),  # the stack has read it
        Refused("other arguments", command=[*COMMAND, "--backend=trio"]),
        Refused("FileNotFoundError", cwd="/no folder of this name"),
    ],
    ids=lambda refused: refused.reason,
)
def test_what_a_ready_process_refuses(refused: Refused) -> None:
    standby = start_standby(Model(COMMAND, dict(os.environ)))
    launch = Launch(refused.command, {"env": {**os.environ, **refused.env}, "cwd": refused.cwd, "independent": True})
    with pytest.raises(NotWarmError, match=refused.reason):
        hand_over(standby, launch.job(), [0, 1, 2])
    assert standby.process.returncode is not None


def test_what_a_server_has_changed_that_kernels_inherit() -> None:
    standby = start_standby(Model(COMMAND, dict(os.environ)))
    launch = Launch(COMMAND, {"env": dict(os.environ), "independent": True})
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        with pytest.raises(NotWarmError, match="other ignored"):
            hand_over(standby, launch.job(), [0, 1, 2])
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_a_job_that_says_nothing() -> None:
    standby = start_standby(Model(COMMAND, dict(os.environ)))
    with pytest.raises(NotWarmError, match="KeyError"):
        hand_over(standby, {}, [0, 1, 2])
    assert standby.process.returncode is not None


def test_changed_modules(tmp_path: Path) -> None:
    module = tmp_path / "sitecustomize.py"
    module.write_text("here = True")
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    standby = start_standby(Model(COMMAND, env))
    module.write_text("here = False")
    with pytest.raises(NotWarmError, match="changed on the disk"):
        hand_over(standby, Launch(COMMAND, {"env": env, "independent": True}).job(), [0, 1, 2])


@pytest.mark.parametrize("options", [{"stdout": subprocess.PIPE}, {"pass_fds": (0,)}])
def test_what_a_running_process_cannot_be_given(specs: Mapping[str, str], log: Log, options: dict[str, Any]) -> None:
    manager = KernelManager(kernel_name=specs["asyncio"])
    stanza = {"provisioner_name": "async-warm", "config": {"standbys": 0}}
    spec_of(manager).metadata["kernel_provisioner"] = stanza
    manager.start_kernel(**options)
    process = process_of(manager)
    try:
        assert process.poll() is None
        assert len(log) == 1
    finally:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.term()


def test_kernels_of_others_start_as_ever(log: Log) -> None:
    """It may be the provisioner of a server for all specs."""
    argv = [sys.executable, "-c", "import time; time.sleep(60)", "{connection_file}"]
    metadata = {"kernel_provisioner": {"provisioner_name": "async-warm", "config": {}}}
    manager = KernelManager()
    manager._kernel_spec = KernelSpec(argv=argv, display_name="other", language="python", metadata=metadata)
    manager.start_kernel()
    try:
        assert process_of(manager).poll() is None
        assert log == []
        assert tuple(argv) not in pools._pools
    finally:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.term()


def test_the_folder_of_a_kernel_may_be_gone(filled: WarmDriver, log: Log, tmp_path: Path) -> None:
    """The cold start says so."""
    with pytest.raises(FileNotFoundError):
        filled.manager.start_kernel(cwd=str(tmp_path / "none"))
    assert "FileNotFoundError" in log[0]
