"""The processes of this machine, as far as it takes to know whose child each is. POSIX only.

Nothing here is called by way of a module that a cell may have changed (`system.real`).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from datetime import date
from typing import NamedTuple

from .real import real

__all__ = [
    "Process",
    "ancestors",
    "family",
    "ignores_hangup",
    "is_still",
    "latest_number",
    "list_descendants",
    "list_processes",
    "number_here",
    "own_number",
    "parse_ps",
    "started_by",
    "tell",
]

assert sys.platform != "win32"

PS = ("/bin/ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "stat=", "-o", "lstart=")
"""An option for each column: behind "=" POSIX takes all that follows, commas too, for the title of one."""

PS_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC0"}
"""English names of months, and times without the hour that comes twice when summer ends."""

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

EPOCH_DAY = date(1970, 1, 1).toordinal()

HANGUP = int(signal.SIGHUP)


class Process(NamedTuple):
    """A process that runs: its id, its parent's and its session's, when it was started, and its group's id.

    The start is a count of the system's: of clock ticks since the machine was started on Linux, of seconds since 1970
    elsewhere.
    """

    pid: int
    parent: int
    session: int
    started: int = 0
    group: int = 0


def list_processes() -> list[Process]:
    """All processes that run and that we may see; one that has ended and waits for its parent does not run. Empty where
    the system shows none."""
    try:
        return list(_read_proc() if sys.platform == "linux" else parse_ps(_run_ps()))
    except OSError:
        return []


def list_descendants(others: Collection[int] = ()) -> list[Process]:
    """This process, those that it has started, and theirs; and the processes `others`, by their ids in the list.

    On Linux only these are looked at; where the system does not say who has started a process, all are listed.
    """
    if sys.platform == "linux" and (found := _read_descendants(own_number())):
        near = {process.pid for process in found}
        return found + [one for pid in others if pid not in near and (one := _read_stat(pid)) is not None]
    return list_processes()


def own_number() -> int:
    """The id by which this process is in the list.

    It differs from `getpid()` in a PID namespace whose /proc is still the outer one (`unshare -pf` without
    `--mount-proc`). Zero when this process is not in the list.
    """
    if sys.platform != "linux":
        return real.getpid()
    try:
        return int(real.readlink("/proc/self"))
    except (OSError, ValueError):
        return 0


def latest_number() -> int:
    """The id that was given last to a process or thread, where numbers are given one after the other: on Linux. Zero
    where the system does not say."""
    try:
        return int(_read("/proc/loadavg").split()[4]) if sys.platform == "linux" else 0
    except (OSError, ValueError, IndexError):
        return 0


def started_by(thread: int | None) -> list[int]:
    """The ids of the processes that a thread of this process has started, by its number in the system. Empty where the
    system does not say."""
    return _read_children(own_number(), thread) or []


def ancestors() -> list[int]:
    """The ids of the parent of this process, its parent, and so on, as far as the system shows them. Empty when the
    parent is outside of this PID namespace."""
    found: list[int] = []
    pid = real.getppid()
    while pid > 0:
        found.append(pid)
        process = _read_stat(pid) if sys.platform == "linux" else None
        pid = process.parent if process is not None else 0
    return found


def family(pid: int, processes: Collection[Process]) -> set[int]:
    """The processes that `pid` has started, and those started by these, without processes that have a session of their
    own.

    When `pid` leads its session they are all others in it, which includes those whose parents have ended meanwhile.

    >>> family(1, [Process(1, 0, 1), Process(2, 1, 1), Process(3, 2, 1), Process(4, 1, 4), Process(5, 0, 1)])
    {2, 3, 5}
    """
    session = next((process.session for process in processes if process.pid == pid), None)
    near = {process for process in processes if process.session == session and process.pid != pid}
    if session == pid:
        return {process.pid for process in near}
    found: set[int] = set()
    while more := {process.pid for process in near if process.parent in found | {pid}} - found:
        found |= more
    return found


def tell(process: Process, signum: int) -> None:
    """Send a signal to a process of the list, unless it has ended and its number now belongs to another one."""
    with suppress(OSError):
        if sys.platform != "linux":
            real.kill(process.pid, signum)
            return
        number = number_here(process.pid)
        if number <= 1:
            return
        try:
            descriptor = real.pidfd_open(number)
        except ProcessLookupError:
            return
        except OSError:  # a sandbox without the system call, or a kernel before 5.3
            if is_still(process):
                real.kill(number, signum)
            return
        try:
            if is_still(process):  # it still was the same when the descriptor was there already
                real.pidfd_send_signal(descriptor, signum)
        finally:
            real.close(descriptor)


def ignores_hangup(pid: int) -> bool:
    """Whether a process was told to outlive its terminal, as `nohup` does. False where the system does not say."""
    try:
        ignored = _read_status(pid, "SigIgn").split()
    except OSError:
        return False
    return bool(ignored and int(ignored[0], 16) >> (HANGUP - 1) & 1)


def is_still(process: Process) -> bool:
    """Whether a process of the list still runs. Its parent may be another one than in the list, if it has ended."""
    if sys.platform != "linux":
        return process.pid in {one.pid for one in list_processes()}
    now = _read_stat(process.pid)
    return now is not None and (now.started, now.session) == (process.started, process.session)


def number_here(pid: int) -> int:
    """The id by which the calls of the system know a process of the list: the one in our own PID namespace."""
    numbers, own = _read_status(pid, "NSpid").split(), _read_status(own_number(), "NSpid").split()
    if not own:  # a kernel before 4.1
        return pid if own_number() == real.getpid() else 0
    return int(numbers[len(own) - 1]) if len(numbers) >= len(own) else 0


def _read_proc() -> Iterator[Process]:
    for name in real.listdir("/proc"):
        process = _read_stat(int(name)) if name.isdecimal() else None
        if process is not None:
            yield process


def _read_stat(pid: int) -> Process | None:
    """A process that runs, or None."""
    try:
        # The name of the program stands in brackets and may have any character in it.
        fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        state, parent, group, session, *_ = fields
        started = int(fields[19])
    except (OSError, ValueError, IndexError):  # it has ended meanwhile
        return None
    return None if state in "ZX" else Process(pid, int(parent), int(session), started, int(group))


def _read_descendants(own: int) -> list[Process]:
    """The process `own`, and all below it. Empty where the system does not say whose child a process is."""
    us = _read_stat(own)
    if us is None or _read_children(own, own) is None:
        return []
    found = [us]
    for process in found:  # it grows meanwhile
        for thread in _threads_of(process.pid):
            children = _read_children(process.pid, thread) or ()
            found += [child for pid in children if (child := _read_stat(pid)) is not None]
    return found


def _threads_of(pid: int) -> list[int]:
    try:
        return [int(name) for name in real.listdir(f"/proc/{pid}/task")]
    except OSError:  # it has ended meanwhile
        return []


def _read_children(pid: int, thread: int | None) -> list[int] | None:
    """The processes that a thread has started; None where there is none, or the system does not say."""
    try:
        return [int(child) for child in _read(f"/proc/{pid}/task/{thread}/children").split()]
    except (OSError, ValueError):
        return None


def _read_status(pid: int, name: str) -> str:
    """A field of the status that Linux shows of a process; empty when there is none of this name. OSError when it has
    ended."""
    for line in _read(f"/proc/{pid}/status").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value
    return ""


def _read(path: str) -> str:
    return _drain(real.open(path, os.O_RDONLY | os.O_CLOEXEC)).decode("utf-8", "replace")


def _drain(descriptor: int) -> bytes:
    """Read to the end and close."""
    try:
        parts = []
        while part := real.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    finally:
        real.close(descriptor)


def _run_ps() -> str:
    """The output of `ps`. OSError when there is none."""
    reader, writer = real.pipe()
    try:
        actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
        pid = real.posix_spawn(PS[0], PS, PS_ENVIRONMENT, file_actions=actions)
    except BaseException:
        real.close(reader)
        raise
    finally:
        real.close(writer)
    text = _drain(reader).decode("ascii", "replace")
    with suppress(ChildProcessError):  # a handler of SIGCHLD was quicker
        real.waitpid(pid, 0)
    return text


def parse_ps(text: str) -> Iterable[Process]:
    """The processes in the output of `PS` in `PS_ENVIRONMENT`. It has no session ids on all systems: they are asked of
    the system, and so are those of groups."""
    for line in text.splitlines():
        pid, parent, state, _, month, day, clock, year = line.split()
        try:
            if not state.startswith(("Z", "X")):
                number = int(pid)
                started = _seconds(int(year), MONTHS.index(month) + 1, int(day), clock)
                yield Process(number, int(parent), real.getsid(number), started, real.getpgid(number))
        except OSError:  # it has ended meanwhile, or is not ours to ask
            continue


def _seconds(year: int, month: int, day: int, clock: str) -> int:
    """A time in UTC in seconds since 1970."""
    hour, minute, second = map(int, clock.split(":"))
    days = date(year, month, day).toordinal() - EPOCH_DAY
    return ((days * 24 + hour) * 60 + minute) * 60 + second
