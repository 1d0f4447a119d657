"""The standbys that a server's process keeps for its specs.

Nothing is kept before the first start of such a spec. Each standby has a thread in the server which starts it, and
then waits for its end without taking any time.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from atexit import register
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from logging import Logger, LoggerAdapter
from typing import Any, NamedTuple

from .channel import VERSION, receive, send

__all__ = ["Model", "NotWarmError", "Pool", "Standby", "hand_over", "pool_for", "start_standby"]

READY_SECONDS = 120.0
"""How long a standby may take until it is ready, at its low priority."""

ANSWER_SECONDS = 1.0
"""How long one may take until it has become a kernel; it does nothing else, so this is far above the usual."""

SETTLE_SECONDS = 10.0
"""How long the next standby waits at most for the kernel before it to be up."""

PAUSE = 0.2
"""How often it looks."""

FOLDER = "/"
"""Where a standby is started: a folder that nothing deletes and no user's files lie in. It imports nothing from it."""


class NotWarmError(Exception):
    """Why a kernel has to start cold."""


class Model(NamedTuple):
    """The start that standbys are made for."""

    command: Sequence[str]
    env: Mapping[str, str]


class Standby(NamedTuple):
    """A ready process, as seen by its server."""

    process: subprocess.Popen[bytes]
    connection: socket.socket

    def end(self) -> None:
        """End it at once and take its exit status; it has done nothing that anybody needs."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


class Pool:
    """The standbys of one spec."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.ready: list[Standby] = []
        self._coming: set[object] = set()  # one for each that is being started

    def take(self) -> Standby | None:
        """One that is ready, which is the taker's from now on; None where there is none."""
        with self._lock:
            return self.ready.pop(0) if self.ready else None

    def fill(self, model: Model, count: int, after: int, log: Log) -> None:
        """Have `count` standbys ready, once the kernel with the process id `after` is up. Returns at once."""
        with self._lock:
            new = [object() for _ in range(count - len(self.ready) - len(self._coming))]
            self._coming.update(new)
        for each in new:
            threading.Thread(target=self._keep, args=(each, model, after, log), name="async-warm", daemon=True).start()

    def clear(self) -> None:
        """End all that are ready, and those that are being started as soon as they are."""
        with self._lock:
            ready, self.ready = self.ready, []
            self._coming.clear()
        for standby in ready:
            standby.end()

    def forget(self) -> None:
        """Let go of them all, in a process that was forked: they are its parent's."""
        for standby in self.ready:
            standby.connection.close()
        self.__init__()  # type: ignore[misc]  # as new

    def _keep(self, this: object, model: Model, after: int, log: Log) -> None:
        """Start a standby, offer it when it is ready, and see to its end if nobody takes it."""
        if sys.platform == "win32":
            raise OSError("no processes are kept ready on Windows")
        try:
            _wait_until_up(after)
            standby = start_standby(model)
        except (OSError, EOFError, ValueError, NotWarmError) as error:
            log.warning("no process is kept ready: %s", error or type(error).__name__)
            with self._lock:
                self._coming.discard(this)
            return
        with standby.connection.dup() as watched:  # who takes it closes the other one
            gone = select.poll()
            gone.register(watched, 0)  # no event but the end
            if not self._offer(this, standby):
                standby.end()
                return
            gone.poll()
        with self._lock:
            if standby not in self.ready:
                return
            self.ready.remove(standby)
        standby.end()

    def _offer(self, this: object, standby: Standby) -> bool:
        """Have it be ready. False where it is not wanted any more."""
        with self._lock:
            if this not in self._coming:
                return False
            self._coming.remove(this)
            self.ready.append(standby)
            return True


Log = Logger | LoggerAdapter[Any]

_pools: dict[tuple[str, ...], Pool] = defaultdict(Pool)


def pool_for(argv: Sequence[str]) -> Pool:
    """The pool of the spec with this argv, the same for all kernels of this process."""
    return _pools[tuple(argv)]


def _clear() -> None:
    for pool in _pools.values():
        pool.clear()


def _forget() -> None:
    for pool in _pools.values():
        pool.forget()


register(_clear)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)


def hand_over(standby: Standby, job: Mapping[str, Any], descriptors: Sequence[int]) -> None:
    """Have the standby become the kernel of `job`. Where this fails, it has ended: NotWarmError says why."""
    try:
        standby.connection.settimeout(ANSWER_SECONDS)
        send(standby.connection, job, descriptors)
        answer, _ = receive(standby.connection)
        if answer != {"taken": True}:
            raise NotWarmError(answer.get("refused") if isinstance(answer, dict) else "a wrong answer")
    except (OSError, EOFError, ValueError) as error:
        standby.end()
        raise NotWarmError(f"the process that was ready did not answer ({error or type(error).__name__})") from error
    except NotWarmError:
        standby.end()
        raise
    standby.connection.close()


def start_standby(model: Model) -> Standby:
    """A new standby, which is ready."""
    ours, theirs = socket.socketpair()
    with theirs:
        command = [model.command[0], "-m", "async_kernel.warm", str(theirs.fileno()), *model.command]
        try:
            process = subprocess.Popen(
                command,
                env=model.env,
                cwd=FOLDER,
                stdin=subprocess.PIPE,
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )
        except BaseException:
            ours.close()
            raise
    assert process.stdin is not None
    process.stdin.close()
    standby = Standby(process, ours)
    try:
        ours.settimeout(READY_SECONDS)
        said, _ = receive(ours)
        if said != {"version": VERSION}:
            raise NotWarmError("the package of the kernel's environment is another version")
    except BaseException:
        standby.end()
        raise
    return standby


def _wait_until_up(pid: int) -> None:
    """Wait until the process takes no more time than one that waits for its first cell does, or has ended."""
    end = time.monotonic() + SETTLE_SECONDS
    before, after = -1, 0
    while after - before > 1 and time.monotonic() < end:
        time.sleep(PAUSE)
        before, after = after, _ticks(pid)


def _ticks(pid: int) -> int:
    """The processor time of a process so far, in the ticks of the system. Where that is not told it seems busy."""
    if sys.platform != "linux":
        return time.monotonic_ns()
    with suppress(OSError), open(f"/proc/{pid}/stat", "rb") as file:
        words = file.read().rpartition(b")")[2].split()
        return int(words[11]) + int(words[12])
    return 0
