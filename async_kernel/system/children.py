"""Children of this process: state that forked ones must not inherit, and that none is left behind at the end."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from async_kernel.stacks.snapshot import stacks_of_all

from .real import real
from .service_thread import ServiceThread

__all__ = ["FormerChildren", "end_children", "give_signals_back_in_children"]

FIRST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
"""Seconds between two looks at the processes that still run: doubled from the first to the longest."""

KILL_SECONDS = 0.2
"""For how long killed processes are waited for: they end as soon as the system comes to it."""

POOLS = 15
"""The priority of the end of a pool among the things that multiprocessing does at exit: the highest."""

INTERRUPT, TERMINATE, KILL, HANGUP = int(signal.SIGINT), int(signal.SIGTERM), 9, getattr(signal, "SIGHUP", 1)

# Numbers, and no members of `signal.Handlers`: those are for `signal.signal`, which `real.signal` is not.
IGNORED, DEFAULT, INTERRUPT_HANDLER = int(signal.SIG_IGN), int(signal.SIG_DFL), signal.default_int_handler


class FormerChildren:
    """Whether this process has, or has had, a child since this object was made.

    Linux counts what children that have ended have used, and each has used something. Elsewhere, and while SIGCHLD is
    ignored, so that nothing is counted, the answer is that there may be some.
    """

    def __init__(self) -> None:
        self._usage: Callable[[], object] | None = None
        if sys.platform == "linux":
            from resource import RUSAGE_CHILDREN, getrusage

            self._usage = partial(getrusage, RUSAGE_CHILDREN)
            self._used = self._usage()

    def may_exist(self) -> bool:
        """Whether there is any, or was."""
        if sys.platform != "linux" or self._usage is None or real.getsignal(signal.SIGCHLD) == IGNORED:
            return True
        try:
            real.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return self._usage() != self._used
        return True


def give_signals_back_in_children() -> None:
    """Have forked children start with Python's own handlers of SIGINT, SIGTERM and SIGHUP, and wake nobody by a signal.

    A worker that inherited the kernel's handlers would not end when its pool terminates it, and the bytes of the
    wakeup descriptor would go to the parent's loop.
    """
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_give_back)


def end_children(grace: float, stops: Callable[[], bool] = lambda: False) -> None:
    """End the children that still run, and their descendants: by SIGTERM, and by SIGKILL those that
    is there after `grace` seconds. Returns when they have ended, or once `stops()`.

    Only processes are told that provably descend from this one, or are in the session that it leads. A process that was
    detached on purpose stays: one with a session of its own (`start_new_session=True`, `setsid`), or one that was told
    to ignore SIGHUP (`nohup`; on Linux, and only if this process was not told so itself, as children inherit it). So do
    the resource trackers of multiprocessing and loky, which have to clean up behind this process and end by themselves.
    On Windows nothing is done.

    Pools of multiprocessing are ended by multiprocessing first. They would replace the workers that we end, and the end
    of Python would wait for a lock that one of these held.
    """
    if sys.platform != "win32":
        _end_pools(grace)
        from .processes import family, list_processes, own_number

        def find() -> frozenset[Process]:
            processes = list_processes()
            found = family(own_number(), processes) - _helpers()
            return frozenset(process for process in processes if process.pid in found)

        end_processes(find, grace, stops)


if sys.platform != "win32":
    from .processes import Process

    def end_processes(
        find: Callable[[], frozenset[Process]], grace: float, stops: Callable[[], bool] = lambda: False
    ) -> None:
        """End the processes that `find()` gives, asked again and again: by SIGTERM, and by SIGKILL those left after
        `grace` seconds. A process that was told to ignore SIGHUP stays. Returns when none is left, or once `stops()`.

        One that was found stays in the list until it has ended: when its parent ends first, `find()` may not give it
        any more, while it has not run yet to hear of the signal.
        """
        from .processes import ignores_hangup, is_still, tell

        spares = real.getsignal(HANGUP) != IGNORED
        left: dict[tuple[int, int], Process] = {}  # by id and start: its parent may change
        for signum, seconds in ((TERMINATE, grace), (KILL, KILL_SECONDS)):
            told: set[tuple[int, int]] = set()
            end = real.monotonic() + seconds
            pause = FIRST_PAUSE
            while not stops():
                found = {(one.pid, one.started): one for one in find()}
                left = {key: one for key, one in left.items() if key not in found and is_still(one)} | found
                left = {key: one for key, one in left.items() if not (spares and ignores_hangup(one.pid))}
                if not left:
                    break
                for key in left.keys() - told:
                    tell(left[key], signum)
                told.update(left)
                time_left = end - real.monotonic()
                if time_left <= 0:  # each was told, however slow the machine is
                    break
                real.sleep(min(pause, time_left))
                pause = min(2 * pause, LONGEST_PAUSE)


def _end_pools(seconds: float) -> None:
    """End the processes that multiprocessing ends at exit before all else, and wait for up to so many `seconds` until
    that is done, here or in another thread. It goes on after them: a worker may not end before it is killed."""
    end = real.monotonic() + seconds
    utils = [sys.modules[name] for name in ("multiprocessing.util", "multiprocess.util") if name in sys.modules]
    for util in utils:
        with suppress(RuntimeError, MemoryError):  # no thread can be started any more
            thread = ServiceThread("pools", util._run_finalizers, (POOLS,))
            thread.start()
            thread.join(seconds)
    calls = [util.Finalize.__call__ for util in utils]
    while calls and _is_called(calls) and real.monotonic() < end:  # the exit functions, or a cell that leaves its pool
        real.sleep(FIRST_PAUSE)


def _is_called(functions: Sequence[Callable[..., object]]) -> bool:
    """Whether any thread is in one of these functions."""
    return any(stack.calls_of(functions) for stack in stacks_of_all().values())


def _helpers() -> set[int | None]:
    """Resource trackers that were started: that of multiprocessing, and those of libraries that build on it (loky)."""
    trackers = [module for name, module in [*sys.modules.items()] if name.endswith(".resource_tracker")]
    return {getattr(getattr(module, "_resource_tracker", None), "_pid", None) for module in trackers}


def _give_back() -> None:
    real.set_wakeup_fd(-1)
    real.signal(INTERRUPT, INTERRUPT_HANDLER)
    real.signal(TERMINATE, DEFAULT)
    if real.getsignal(HANGUP) != IGNORED:
        real.signal(HANGUP, DEFAULT)
