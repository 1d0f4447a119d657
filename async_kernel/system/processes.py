"""The processes of this machine, as far as it takes to know whose child each is. POSIX only."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Process", "family", "ignores_hangup", "list_processes", "parse_ps"]

assert sys.platform != "win32"


class Process(NamedTuple):
    """A process that runs: its id, its parent's and its session's."""

    pid: int
    parent: int
    session: int


def list_processes() -> list[Process]:
    """All processes that run and that we may see; one that has ended and waits for its parent does not run."""
    return list(_read_proc() if sys.platform == "linux" else parse_ps(_run_ps()))


def family(pid: int, processes: Collection[Process]) -> set[int]:
    """The processes that `pid` has started, and those started by these, but for what has a session of its own.

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


def ignores_hangup(pid: int) -> bool:
    """Whether a process was told to outlive its terminal, as `nohup` does. False where the system does not say."""
    try:
        with Path(f"/proc/{pid}/status").open(encoding="ascii", errors="replace") as file:
            ignored = next((line.split()[1] for line in file if line.startswith("SigIgn:")), "0")
    except OSError:
        return False
    return bool(int(ignored, 16) >> (signal.SIGHUP - 1) & 1)


def _read_proc() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            text = (folder / "stat").read_text("utf-8", "replace")
            # The name of the program stands in brackets and may have any character in it.
            state, parent, _, session = text.rpartition(")")[2].split()[:4]
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if state not in "ZX":
            yield Process(int(folder.name), int(parent), int(session))


def _run_ps() -> str:
    from subprocess import DEVNULL, SubprocessError, run

    try:
        return run(["ps", "-A", "-o", "pid=,ppid=,stat="], check=True, stdout=-1, stderr=DEVNULL, text=True).stdout
    except (OSError, ValueError, SubprocessError):
        return ""


def parse_ps(text: str) -> Iterable[Process]:
    """The processes in what `ps -A -o pid=,ppid=,stat=` prints. It has no session ids on all systems: they are asked
    of the system."""
    for line in text.splitlines():
        pid, parent, state = line.split(maxsplit=2)
        try:
            if not state.startswith(("Z", "X")):
                yield Process(int(pid), int(parent), os.getsid(int(pid)))
        except OSError:  # it has ended meanwhile, or is not ours to ask
            continue
