"""Threads of ours: named ones, each with a loop that takes calls, and a pool of workers without.

Named threads are daemons that end in good order with the loop of the main thread during which they were started, or
with the process: their tasks are cancelled, with `finally` blocks. Workers are those of a `ThreadPoolExecutor`, and end
as those do; the loop waits a moment for the work that they have begun.
"""

from __future__ import annotations

import atexit
import contextvars
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from .calls import END_SECONDS, Loop, carried_context, known_main_loop, library_here
from .pending import Pending
from .portal import current_portal
from .runners_of_calls import run

__all__ = ["NamedThread", "call_in_worker", "named_thread"]

BACKENDS = ("asyncio", "trio")

WORKERS = 40
"""How many functions run in workers at once, as in anyio: they wait for something most of the time."""

_lock = threading.Lock()  # over the tables below
_threads: dict[str, NamedThread] = {}
_pool: ThreadPoolExecutor | None = None


class NamedThread:
    """A named thread, and the loop that runs in it."""

    def __init__(self, name: str, backend: str, options: Mapping[str, Any]) -> None:
        self.backend = backend
        self.options = dict(options)
        self.ended: Pending[None] = Pending()
        self.ended.begin()  # it ends when the thread does, and cannot be cancelled
        self._name = name
        self._loop: Loop | None = None
        self._owner: Loop | None = None  # with which it ends
        self._ending = False
        self._failure: BaseException | None = None
        self._known = threading.Event()  # either of the two is

    def start(self) -> None:
        """Start it; returns at once."""
        self._owner = known_main_loop()
        if self._owner is not None:
            self._owner.at_end.add(self.end)
        # From Python 3.14 on, threads begin in a copy of the starter's context. This one belongs to nobody.
        thread = threading.Thread(target=contextvars.Context().run, args=(self._run,), name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the system gives no more
            self._failure = error
            self._give_up_name()

    def loop(self) -> Loop:
        """The loop, once it runs; raises the error that kept it from running."""
        run(self._known.wait)
        if self._loop is None:
            raise RuntimeError(f"The loop of the thread {self._name!r} could not be started.") from self._failure
        return self._loop

    def _run(self) -> None:
        import anyio

        try:
            anyio.run(self._serve, backend=self.backend, backend_options=self.options)
        except BaseException as error:
            self._failure = error
            if self._loop is not None:
                raise  # for `threading.excepthook`: nobody waits any more
        finally:
            self._give_up_name()

    def _give_up_name(self) -> None:
        """Say that the thread has ended, or never began; the name is free."""
        self._forget()
        self._known.set()
        self.ended.set_result(None)

    async def _serve(self) -> None:
        loop = self._loop = Loop(current_portal(), self._name)

        def ready() -> None:
            self._known.set()
            if self._ending:
                loop.end()

        await loop.serve(ready)

    def end(self) -> Pending[None]:
        """Have the loop end, and the name be free at once. From any thread; returns a pending that is done when it has
        ended."""
        self._forget()
        self._ending = True
        if self._loop is not None:
            self._loop.end()
        return self.ended

    def _forget(self) -> None:
        if self._owner is not None:
            self._owner.at_end.discard(self.end)
        with _lock:
            if _threads.get(self._name) is self:
                del _threads[self._name]


def named_thread(name: str, backend: str | None, options: Mapping[str, Any]) -> NamedThread:
    """The thread `name`, which is started if there is none; blocks until its loop runs.

    `backend` is "asyncio" or "trio", by default that of the loop that runs here, else asyncio; `options` are those of
    `anyio.run`. ValueError when there is no such backend, or such a thread with another one or with other options.
    RuntimeError when the loop cannot be started.
    """
    if backend not in (None, *BACKENDS):
        raise ValueError(f"There is no backend {backend!r}.\nKnown: {', '.join(BACKENDS)}; uvloop by use_uvloop=True.")
    with _lock:
        thread = _threads.get(name)
        if is_new := thread is None:
            thread = _threads[name] = NamedThread(name, backend or library_here() or "asyncio", options)
    if is_new:
        thread.start()
    elif backend not in (None, thread.backend) or (options and dict(options) != thread.options):
        raise ValueError(
            f"The thread {name!r} already runs {thread.backend} with the options {thread.options}.\n"
            "Use another name, or close it first."
        )
    thread.loop()
    return thread


def _end_all() -> None:
    """At the exit of the process, after the workers, which may wait for these."""
    with _lock:
        threads = list(_threads.values())
    wait([thread.end() for thread in threads], END_SECONDS)


atexit.register(_end_all)


def call_in_worker(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Pending[Any]:
    """Have `function(*args, **kwargs)` run in a worker, in a copy of the calling context. From any thread, at once."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="worker")
    pending: Pending[Any] = Pending()
    owner = known_main_loop()
    if owner is not None:
        owner.elsewhere.add(pending)
        pending.add_done_callback(owner.elsewhere.discard)
    _pool.submit(_work, pending, carried_context(), function, args, kwargs)
    return pending


def _work(
    pending: Pending[Any],
    context: contextvars.Context,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> None:
    if not pending.begin():
        return
    try:
        result = context.run(run, function, *args, **kwargs)
    except BaseException as error:
        context.run(pending.set_exception, error)
    else:
        context.run(pending.set_result, result)
