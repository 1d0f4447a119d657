"""Calls into event loops from any thread: the face of the parts beside this module."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from .calls import Loop, loop_here, main_loop
from .named_threads import NamedThread, call_in_worker, named_thread
from .pending import Pending
from .runners_of_calls import run_later

if TYPE_CHECKING:
    from .executor import CallerExecutor

__all__ = ["Caller"]

P = ParamSpec("P")
T = TypeVar("T")


class Caller:
    """Runs functions and coroutine functions in one event loop, for callers in any thread.

        main = Caller()                             # the loop of this thread
        io = Caller.get("io", backend="trio")       # a trio loop in the thread "io"
        page = await io.call_soon(fetch, url)       # wait in a task,
        page = io.call_soon(fetch, url).result()    # or in a plain thread
        text = await Caller.to_thread(read, path)   # in a worker thread
        sums = await Caller.to_executor(pool, add)  # in a process or a cluster

    `Caller()` stands for the event loop of the calling thread. In a thread without a loop, it stands for the loop of
    the main thread. Raises RuntimeError if that is not known; so a program without a kernel creates a Caller in its
    main loop first.

    A call runs in a copy of the caller's context (`contextvars`). So in a kernel its output appears in the cell that
    made the call. A function runs between two steps of the loop's tasks, and blocks the loop while it runs. A coroutine
    runs as a task of the loop. An exception is stored in the `Pending`, and reported nowhere else. When the loop ends,
    its coroutines are cancelled, and calls that have not started never run.

    Every method can be called from any thread, with or without a loop, and none waits for the call.
    """

    __slots__ = ("_loop", "_named")

    def __init__(self) -> None:
        self._loop: Loop = loop_here() or main_loop()
        self._named: NamedThread | None = None

    @classmethod
    def get(cls, name: str = "main", *, backend: str | None = None, **backend_options: Any) -> Caller:
        """Return the caller of the thread `name`; "main" is the main thread.

        The first call starts the thread, with a loop of `backend`, "asyncio" or "trio". By default this is the backend
        of the calling loop, or else asyncio. Further options are those of `anyio.run`, such as `use_uvloop=True` or
        `debug=True`. The thread ends when it is closed, when the main loop during which it was started ends, or with
        the process.

        Blocks until the new loop runs, for some milliseconds and the import of its library. Raises ValueError if the
        backend is unknown, or the thread already runs with another backend or other options. Raises RuntimeError if the
        loop cannot be started, with the reason as its cause, or if no main loop is known.
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
        """The ident of the loop's thread, as `threading.get_ident()` returns it there."""
        return self._loop.thread

    @overload
    def call_soon(
        self, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Pending[T]: ...
    @overload
    def call_soon(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]: ...
    def call_soon(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """Run `function(*args, **kwargs)` in the loop soon; if it is a coroutine function, as a task.

        Returns a `Pending` at once, from any thread. Functions that one thread calls run in the order of the calls. A
        call into the loop of the calling thread runs only when the loop gets its turn again. Raises RuntimeError if the
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
        """Do the same `delay` seconds later. `Pending.cancel` cancels the call before and after it has started, since
        it runs in a task of the loop."""
        return self._loop.start(run_later, (time.monotonic() + delay, function, args, kwargs), {})

    @staticmethod
    def to_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        """Run `function(*args, **kwargs)` in a worker thread, for functions that block or compute.

        Returns a `Pending` at once, from any thread; no loop is blocked. At most 40 functions run at a time, and
        further calls wait. Worker threads are reused. When the process exits, they finish the calls that have started.
        A running function cannot be cancelled. Raises TypeError for a coroutine function.
        """
        if iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is a coroutine function, and needs a loop.\n"
                "Use call_soon, for example Caller.get('io').call_soon(...)."
            )
        return call_in_worker(function, args, kwargs)

    @staticmethod
    def to_executor(executor: Executor, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]:
        """Run `function(*args, **kwargs)` in an executor.

            number = await Caller.to_executor(client.get_executor(), work, 7)

        The executor may be a pool of the standard library, or lead to a cluster, such as `client.get_executor()` of
        dask or `view.executor` of ipyparallel. It decides where the function runs, in which context, and whether it can
        be cancelled after it has started. Returns a `Pending` at once, from any thread. Raises TypeError for a
        coroutine function, and any error of `executor.submit`.
        """
        if iscoroutinefunction(function):
            raise TypeError(
                f"{function!r} is a coroutine function, and executors run plain functions only.\n"
                "Use call_soon, for example Caller.get('io').call_soon(...)."
            )
        return Pending.of(executor.submit(function, *args, **kwargs))

    def executor(self) -> CallerExecutor:
        """Return a new `concurrent.futures.Executor`, for `loop.run_in_executor` and for libraries that expect one.

        Functions run in worker threads, and coroutine functions in the loop of this caller. `submit` returns a
        `Pending`. Can be called from any thread."""
        from .executor import CallerExecutor

        return CallerExecutor(self.call_soon, self.to_thread)

    def close(self) -> Pending[None]:
        """End the thread that `get` started.

        Cancels its tasks and runs their `finally` blocks. The returned `Pending` is done when the loop has ended. Can
        be called from any thread. Raises RuntimeError for a loop that `get` did not start."""
        if self._named is None:
            raise RuntimeError(f"The loop of the thread {self.name!r} was not started by Caller.get, so it goes on.")
        return self._named.end()

    def __repr__(self) -> str:
        return f"<Caller {self.name!r}{' (ended)' if self._loop.closed else ''}>"
