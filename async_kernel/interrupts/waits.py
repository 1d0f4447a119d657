"""The processes that a thread, or a task, waits for: found through the objects that its innermost frames hold.

An interrupt of a cell is for the workers of a pool, too, that an earlier cell has made and that this one waits for.
Nobody says so but the frames of the libraries by which it waits: a future, a pool, a process is a local variable there.

Seen from outside, by another thread. So no code of the user's is run: types are known by their names, and only
attributes of known types are looked at. Objects that a version of a library keeps elsewhere are not found.
"""

from __future__ import annotations

import logging
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice, takewhile
from types import FrameType
from typing import Any

from async_kernel.stacks import Owner, Stack, owner_of
from async_kernel.stacks.owners import LOOPS
from async_kernel.stacks.snapshot import frame_of, function_of, stacks_of_all, variables

__all__ = ["waited_processes"]

log = logging.getLogger(__name__)

WAITERS = frozenset({Owner.LIBRARY, Owner.MACHINERY}) | LOOPS
"""The owners of frames that wait for processes on behalf of their caller, and hold the objects that they wait for.
Frames of user code hold much else: the servers that an earlier cell has started are variables of every cell."""

ELEMENTS = 1000
"""How many elements of a collection are looked at: the futures of one call are those of one pool."""

COLLECTIONS = (list, tuple, set, frozenset, deque, dict)


def waited_processes(waits: Iterable[object]) -> set[int]:
    """The ids of the processes waited for where `waits` stand: frames of threads that wait, coroutines that await, and
    objects that are waited for.

    For a pool or a future of one these are its workers. Empty where none is known. Callable from any thread.
    """
    try:
        return _Search().find(waits)
    except Exception:  # a library that keeps something else where we look
        log.debug("the processes that an interrupted cell waits for were not found", exc_info=True)
        return set()


class _Search:
    """One search, from object to object."""

    def __init__(self) -> None:
        self._seen: dict[int, object] = {}  # kept alive, so that ids stay theirs
        self._found: set[int] = set()
        self._owners: dict[int, object] | None = None
        self._workers: dict[int, FrameType] | None = None
        self._stacks = stacks_of_all()

    def find(self, waits: Iterable[object]) -> set[int]:
        ahead = [*waits]
        while ahead:
            one = ahead.pop()
            if id(one) not in self._seen:
                self._seen[id(one)] = one
                ahead += self._next(one)
        return self._found

    def _next(self, one: object) -> Iterable[object]:
        """The objects to look at next because of `one`."""
        if type(one) is int:
            self._found.add(one)
            return ()
        if type(one) is FrameType:
            return _held(one)
        for cls in type(one).__mro__:
            look = KINDS.get(f"{cls.__module__.removeprefix('joblib.externals.')}.{cls.__qualname__}")
            if look is not None:
                return [each for each in look(one, self) if each is not None]
        return ()

    def owner(self, future: object) -> object:
        """The thread that manages the pool of processes which a future of `concurrent.futures` is of, or None."""
        if self._owners is None:
            self._owners = {}
            for name, module in [*sys.modules.items()]:
                if name.endswith((".futures.process", "loky.process_executor")):
                    for manager in [*vars(module).get("_threads_wakeups", ())]:
                        for item in [*manager.pending_work_items.values()]:
                            self._owners[id(item.future)] = manager
        return self._owners.get(id(future))

    def frame(self, thread: Any) -> FrameType | None:
        """Where a thread stands."""
        stack = self._stacks.get(thread.ident)
        return None if stack is None else stack.innermost

    def worker(self, key: object) -> FrameType | None:
        """Where the thread stands that runs the job which is known by `key`: its future, or the function to be called
        with its outcome."""
        if self._workers is None:
            self._workers = {}
            for stack in self._stacks.values():
                for frame in stack.frames:
                    job = JOBS.get(function_of(frame))
                    if job is not None:
                        self._workers[id(job(variables(frame)))] = stack.frames[0]
        return self._workers.get(id(key))


JOBS: dict[str, Callable[[dict[str, Any]], object]] = {
    "_WorkItem.run": lambda names: getattr(names.get("self"), "future", None),  # concurrent.futures
    "WorkerThread.run": lambda names: names.get("future"),  # anyio
    "WorkerThread._handle_job": lambda names: names.get("deliver"),  # trio
}
"""The functions in which a thread of a pool runs a job, and the variable by which the job is known."""


def _of_libraries(frames: Iterable[FrameType]) -> Iterator[FrameType]:
    """The innermost of `frames`, up to the first that is user code or ours."""
    return takewhile(lambda frame: owner_of(frame) in WAITERS, frames)


def _held(innermost: FrameType) -> Iterator[object]:
    """The objects in the frames by which a thread waits that stands at `innermost`."""
    for frame in _of_libraries(Stack(innermost).frames):
        yield from _variables(frame)


def _awaited(awaits: Any) -> Iterator[object]:
    """The object that a coroutine or generator awaits in the end, and those in the frames between."""
    chain: list[FrameType] = []
    while awaits is not None:
        for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            if hasattr(type(awaits), inner):
                frame = frame_of(awaits, f"{prefix}_frame")
                if frame is not None:
                    chain.append(frame)
                awaits = getattr(awaits, inner)
                break
        else:
            yield awaits
            break
    for frame in _of_libraries(reversed(chain)):
        yield from _variables(frame)


def _variables(frame: FrameType) -> Iterator[object]:
    """The variables of a frame and the elements of those that are collections; of its object, also the attributes."""
    names = dict(variables(frame))
    for value in (*names.values(), *_attributes(names.get("self"))):
        if type(value) in COLLECTIONS:
            yield from _elements(value)
        elif type(value) is not int:  # any number: a process is an object
            yield value


def _attributes(one: object) -> Iterable[object]:
    """The processes among the attributes of an object, as a loader has them that starts its workers itself."""
    kept = getattr(one, "__dict__", None)
    values = [*kept.values()] if type(kept) is dict else []
    return [value for value in values if type(value) is list or _is_process(value)]


def _is_process(one: object) -> bool:
    return any(cls.__module__ == "multiprocessing.process" for cls in type(one).__mro__)


def _elements(collection: Any) -> Iterable[object]:
    values = collection.values() if isinstance(collection, dict) else collection
    return [each for each in [*islice(values, ELEMENTS)] if type(each) is not int]  # the copy is made at one go


def _pid(one: Any) -> Iterable[object]:
    return [one.pid] if one is not None and one.returncode is None else []


def _workers(pool: Any) -> Iterable[object]:
    """Those of a pool, or of the thread that manages one."""
    processes = vars(pool).get("_processes", vars(pool).get("processes"))
    return [*(processes or {}).values()]


def _sources(future: Any) -> Iterable[object]:
    """The source of a future of asyncio: the future of a pool that it was made for, as `loop.run_in_executor` does."""
    for callback, _ in future._callbacks or ():
        for cell in getattr(callback, "__closure__", None) or ():
            yield cell.cell_contents


def _task(task: Any) -> Iterable[object]:
    return [*_awaited(task.get_coro()), task._fut_waiter]


Look = Callable[[Any, _Search], Iterable[object]]

KINDS: dict[str, Look] = {
    "subprocess.Popen": lambda one, _: _pid(one),
    "multiprocessing.process.BaseProcess": lambda one, _: _pid(one._popen),
    "multiprocessing.pool.Pool": lambda one, _: [*one._pool],
    "multiprocessing.pool.ApplyResult": lambda one, _: [one._pool],
    "multiprocessing.pool.IMapIterator": lambda one, _: [one._pool],
    "concurrent.futures.process.ProcessPoolExecutor": lambda one, _: _workers(one),
    "concurrent.futures.process._ExecutorManagerThread": lambda one, _: _workers(one),
    "loky.process_executor.ProcessPoolExecutor": lambda one, _: _workers(one),
    "loky.process_executor._ExecutorManagerThread": lambda one, _: _workers(one),
    "concurrent.futures._base.Future": lambda one, search: [search.owner(one), search.worker(one)],
    "threading.Thread": lambda one, search: [search.frame(one)],
    "builtins.function": lambda one, search: [search.worker(one)],
    "builtins.coroutine": lambda one, _: _awaited(one),
    "_asyncio.Task": lambda one, _: _task(one),
    "asyncio.tasks.Task": lambda one, _: _task(one),
    "asyncio.tasks._GatheringFuture": lambda one, _: [*one._children],
    "_asyncio.Future": lambda one, search: [*_sources(one), search.worker(one)],
    "asyncio.futures.Future": lambda one, search: [*_sources(one), search.worker(one)],
    "asyncio.taskgroups.TaskGroup": lambda one, _: [*one._tasks],
    "asyncio.subprocess.Process": lambda one, _: [one.pid] if one.returncode is None else [],
    "trio.Process": lambda one, _: [one._proc],
    "trio.Nursery": lambda one, _: [*one._children],
    "trio._core._run.Runner": lambda one, _: [one.main_task],
    "trio.lowlevel.Task": lambda one, _: _awaited(one.coro),
}
"""How to go on from an object of each type, or of one that derives from it."""
