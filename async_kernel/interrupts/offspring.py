"""The offspring of a piece of work: the processes that an interrupt of it is for, too, as with Ctrl-C in a terminal.

Ctrl-C reaches every process of the foreground group, and so does SIGINT as Jupyter sends it to a kernel. Libraries
count on that: nobody else tells the workers of a pool to stop. An interrupt that comes as a message has to reach them
by us. It is for the processes that the work has started, with what these have started, and for those that it waits for
(`waits`). A server that an earlier cell has started is spared.

Which processes are older than the work is read off their starts when an interrupt comes. Work that begins notes the
moment: on Linux it asks the system whether there is any child and, only if there is one, for the number given last.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Collection

from async_kernel.system.real import real

__all__ = ["Moment", "interrupt_offspring", "moment"]

Moment = tuple[int, int]
"""A point in the order in which processes are started: the time, in the system's count, and the latest id by then."""

ALWAYS: Moment = (-1, 0)

INTERRUPT = int(signal.SIGINT)


def moment() -> Moment:
    """Now. Processes started from now on have a later start, for example `(51068, 16676)` on Linux.

    Linux counts hundredths of a second. Within one of them, ids tell what came first; elsewhere what was started in the
    same second counts as later.
    """
    if sys.platform == "linux":
        if not _has_children():  # whatever there will be is later
            return ALWAYS
        return int(real.clock(CLOCK_BOOTTIME) * TICKS), latest_number()
    return int(real.time()), 0


def interrupt_offspring(since: Moment | None, waited: Collection[int] = (), spared: Collection[int] = ()) -> None:
    """Send SIGINT to what this process has started after `since` (None: to nothing of that), to the processes `waited`,
    and to what both have started.

    Not to one that has a session or process group of its own, which is out of the reach of Ctrl-C on purpose. Nor to
    what the threads `spared` (idents) have started, where the system says who has: on Linux. On Windows nothing is
    done: there a process can be told to end, but not interrupted alone.
    """
    if sys.platform == "linux" and not waited and not _has_children():
        return
    if sys.platform != "win32":
        # Not all there are. Beside a C call that holds the GIL each file that is read costs the length of the call.
        processes = list_descendants(waited)
        for process in _chosen(own_number(), processes, since, {*waited}, _children_of(spared)):
            tell(process, INTERRUPT)


if sys.platform != "win32":
    from async_kernel.system.processes import (
        Process,
        latest_number,
        list_descendants,
        number_here,
        own_number,
        started_by,
        tell,
    )

    if sys.platform == "linux":
        from time import CLOCK_BOOTTIME

        TICKS = os.sysconf("SC_CLK_TCK")

        def _has_children() -> bool:
            try:
                real.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return False
            return True

    def _chosen(
        own: int, processes: Collection[Process], since: Moment | None, waited: set[int], spared: set[int]
    ) -> list[Process]:
        us = next((process for process in processes if process.pid == own), None)
        if us is None:
            return []
        near = {process.pid: process for process in processes}
        if own != real.getpid():  # /proc is that of an outer PID namespace
            waited = {one.pid for one in processes if one.parent == own and number_here(one.pid) in waited}
        # Workers of a fork server are children of that, but it was us who has started them.
        started = {process.pid for process in processes if process.parent == own} | (_workers() & near.keys())
        chosen = {pid for pid in started - spared if since is not None and _start(near[pid]) > since}
        chosen |= waited & near.keys()
        while more := {one.pid for one in processes if one.parent in chosen} - chosen - started:
            chosen |= more
        told = [near[pid] for pid in chosen if near[pid].group == us.group]
        return sorted(told, key=_start)  # a shell before its command: else it goes on to the next one

    def _start(process: Process) -> Moment:
        return process.started, process.pid

    def _workers() -> set[int]:
        """The processes that multiprocessing has started here, in whichever way."""
        module = sys.modules.get("multiprocessing.process")
        running = [*getattr(module, "_children", ())]
        return {one._popen.pid for one in running if one._popen is not None}

    def _children_of(threads: Collection[int]) -> set[int]:
        """The processes that threads of this process have started."""
        numbers = [one.native_id for one in threading.enumerate() if one.ident in threads]
        return {pid for number in numbers for pid in started_by(number)}
