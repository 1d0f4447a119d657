"""An executor of the standard library that takes coroutine functions too. Who runs them is passed in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Executor
from concurrent.futures import wait as wait_for
from inspect import iscoroutinefunction
from typing import Any, ParamSpec, TypeVar, overload

from .pending import Pending
from .runners_of_calls import run

__all__ = ["CallerExecutor"]

P = ParamSpec("P")
T = TypeVar("T")


class CallerExecutor(Executor):
    """A `concurrent.futures.Executor` for whatever wants one: functions run in worker threads, coroutine functions in
    the loop of a `Caller`. Made by `Caller.executor()`.

    `submit`, `map` (which also maps a coroutine function) and `shutdown` may be called from any thread; what `map`
    returns, `shutdown` and the end of a `with` block wait, and so block the thread that they are called in.
    """

    def __init__(self, in_loop: Callable[..., Pending[Any]], in_worker: Callable[..., Pending[Any]]) -> None:
        """`in_loop` calls a coroutine function with arguments, `in_worker` a plain one."""
        self._in_loop = in_loop
        self._in_worker = in_worker
        self._lock = threading.Lock()
        self._closed = False
        self._open: set[Pending[Any]] = set()  # the calls that have not ended

    @overload
    def submit(self, fn: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]: ...
    @overload
    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Pending[T]: ...
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Pending[Any]:
        """Have `fn(*args, **kwargs)` run: in the caller's loop if `fn` is a coroutine function, else in a worker.

        From any thread, at once. RuntimeError after `shutdown`.
        """
        with self._lock:
            if self._closed:
                raise RuntimeError("This executor was shut down and takes no more calls.")
            start = self._in_loop if iscoroutinefunction(fn) else self._in_worker
            pending: Pending[Any] = start(fn, *args, **kwargs)
            self._open.add(pending)
        pending.add_done_callback(self._open.discard)
        return pending

    @overload
    def map(
        self, fn: Callable[..., Coroutine[Any, Any, T]], *iterables: Iterable[Any], **options: Any
    ) -> Iterator[T]: ...
    @overload
    def map(self, fn: Callable[..., T], *iterables: Iterable[Any], **options: Any) -> Iterator[T]: ...
    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **options: Any) -> Iterator[Any]:
        """The results of `fn` for the items of the iterables, in their order: as of any executor."""
        return super().map(fn, *iterables, **options)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. `wait` blocks until all have ended; `cancel_futures` cancels those that can be cancelled,
        running coroutines among it. Workers and loop go on: they are not the executor's own.

        From any thread; RuntimeError when it would wait for ever, in the loop that is to run the calls it waits for.
        """
        with self._lock:
            self._closed = True
            left = list(self._open)
        if cancel_futures:
            for pending in left:
                pending.cancel()
        if wait:
            for pending in left:
                pending.check_wait()
            run(wait_for, left)
