"""Calls into event loops from any thread: the face of the parts beside this module."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, overload

from .calls import Loop, loop_here, main_loop
from .pending import Pending
from .runners_of_calls import run_later
from .threads import NamedThread, call_in_worker, named_thread

__all__ = ["Caller"]

P = ParamSpec("P")
T = TypeVar("T")


class Caller:
    """Runs functions and coroutine functions in one event loop, whichever thread asks for it.

        main = Caller()                                # the loop that runs here
        io = Caller.get("io", backend="trio")          # that of the thread "io", started when it is first asked for
        page = await io.call_soon(fetch, url)          # see Pending: awaited in any task,
        page = main.call_soon(fetch, url).result()     # or waited for in a plain thread
        text = await Caller.to_thread(read, path)      # in a worker thread, beside all loops
        sums = await Caller.to_executor(pool, add_up, table)  # in a process, or in a cluster

    Without an argument it is the loop that runs in the calling thread and, where none does, that of the main thread
    (RuntimeError when none is known there: a program without a kernel makes a Caller in its main loop first).

    A called function runs in a copy of the calling context (`contextvars`), so in a kernel it prints and displays into
    the cell that called. Functions run between the steps of the loop's tasks and hold it up as long as they take;
    coroutines run as tasks of the loop. Their exceptions go to the `Pending` and nowhere else. When the loop ends, its
    coroutines are cancelled, and calls that have not begun never do.

    Every method may be called from any thread, inside loops and outside; none waits for the call.
    """

    __slots__ = ("_loop", "_named")

    def __init__(self) -> None:
        self._loop: Loop = loop_here() or main_loop()
        self._named: NamedThread | None = None

    @classmethod
    def get(cls, name: str = "main", *, backend: str | None = None, **backend_options: Any) -> Caller:
        """The caller of the thread of that name, from any thread. "main" is the main thread's loop.

        Any other thread is started when there is none, with a loop of `backend`, "asyncio" or "trio" (by default that
        which runs here, else asyncio), and the options that `anyio.run` has for it: `use_uvloop=True`, `debug=True`.
        It ends when it is closed, or in good order with the main loop during which it was started, or the process.

        Blocks until the new loop runs (milliseconds, and the import of its library). ValueError for an unknown backend,
        and when the thread is there with another one or with other options; RuntimeError when the loop cannot be
        started, with the reason as its cause, or no main loop is known.
        """
        caller = cls.__new__(cls)
        if name != "main":
            caller._named = named_thread(name, backend, backend_options)
            caller._loop = caller._named.loop()
            return caller
        if backend is not None or backend_options:
            raise ValueError("The main loop runs already: it takes neither a backend nor options.")
        caller._named, caller._loop = None, main_loop()
        return caller

    @property
    def name(self) -> str:
        """ "main", or the name of the thread, for example "io"."""
        return self._loop.name

    @property
    def thread(self) -> int:
        """The ident of the thread that calls run in (`threading.get_ident()`)."""
        return self._loop.thread

    @overload
    def call_soon(
        self, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[T]: ...
    @overload
    def call_soon(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]: ...
    def call_soon(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """Run `function(*args, **kwargs)` in the loop soon; a coroutine function's coroutine as a task of it.

        From any thread, at once; runs in the thread of the loop. Functions run in the order of the calls of a thread,
        and never before the calling function, if it runs in the same loop, has given it its turn. RuntimeError when the
        loop has ended.
        """
        return self._loop.start(function, args, kwargs)

    @overload
    def call_later(
        self, delay: float, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[T]: ...
    @overload
    def call_later(
        self, delay: float, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[T]: ...
    def call_later(self, delay: float, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """The same in `delay` seconds. Until then, and after, `cancel` takes it back: it runs in a task of the loop."""
        return self._loop.start(run_later, (time.monotonic() + delay, function, args, kwargs), {})

    @staticmethod
    def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        """Run `function(*args, **kwargs)` in a worker thread: for functions that block or compute. No loop waits
        meanwhile.

        From any thread, at once. The workers are reused, 40 at most run at a time, and the rest waits; at the exit of
        the process they finish the calls that they have begun. A function that runs cannot be cancelled. Where a loop
        runs, `asyncio.to_thread`, `trio.to_thread` and `anyio.to_thread` do the same with their own means. TypeError
        for a coroutine function.
        """
        if iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is a coroutine function: it needs a loop to run in.\n"
                "Use call_soon, for example of Caller.get('io')."
            )
        return call_in_worker(function, args, kwargs)

    @staticmethod
    def to_executor(executor: Executor, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        """Have an executor run `function(*args, **kwargs)`: one of the standard library, or one that leads to a
        cluster, such as dask's `client.get_executor()` or ipyparallel's `view.executor`.

            number = await Caller.to_executor(client.get_executor(), work, 7)

        From any thread, at once; raises what `executor.submit` raises. Where the function runs, which context it
        finds there, and whether it can be cancelled once it has begun is the executor's matter. TypeError for a
        coroutine function.
        """
        if iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is a coroutine function: executors run plain ones.\n"
                "Use call_soon, for example of Caller.get('io')."
            )
        return Pending.of(executor.submit(function, *args, **kwargs))

    def executor(self) -> Executor:
        """A new `concurrent.futures.Executor`, for `loop.run_in_executor` and libraries that want one: functions run in
        worker threads, coroutine functions in this caller's loop. From any thread; `submit` gives a `Pending`."""
        from .executor import CallerExecutor

        return CallerExecutor(self.call_soon, self.to_thread)

    def close(self) -> Pending[None]:
        """End the named thread; from any thread, at once. The returned pending is done when the thread's loop has
        ended, with the `finally` blocks of its tasks. RuntimeError for a loop that was not started by `get`."""
        if self._named is None:
            raise RuntimeError(f"The loop of the thread {self.name!r} was not started by Caller.get, so it goes on.")
        return self._named.end()

    def __repr__(self) -> str:
        return f"<Caller {self.name!r}{' (ended)' if self._loop.closed else ''}>"
