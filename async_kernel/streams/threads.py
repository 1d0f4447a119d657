"""Threads speak in the cell that started them, jobs of an executor in the cell that submitted them, callbacks of its
futures in the cell that added them.

Before Python 3.14 a thread starts in an empty context. Here the request of the starter, and nothing else of its
context, is handed to it: to `threading.Thread` at its start, to the jobs of a `ThreadPoolExecutor` one by one, since
its threads outlive cells. Tasks, callbacks of loops, and `to_thread` of asyncio, anyio and trio bring their context.
A thread that a library has started for itself goes on for the latest cell when its own has ended (`starters`).

Knows nothing of the text; that is `output`'s.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from async_kernel.kernel.request import (
    Request,
    adopt,
    current_request,
    find_request,
    follow_fallback,
    follow_latest,
    lent,
)
from async_kernel.stacks import callers, calls_checkpoint

from .starters import is_thread_of_library

__all__ = ["ThreadParents", "carry_requests", "follow_current_cell"]

P = ParamSpec("P")
T = TypeVar("T")

_RUN_CODE = frozenset({"execute_request", "comm_open", "comm_msg", "comm_close"})
"""The requests that run user code. Threads that the kernel itself starts to serve another, such as that of a new
subshell, do not belong to it."""


def follow_current_cell(thread: threading.Thread | None = None) -> None:
    """Send the output of a thread to the latest cell of the main shell from now on.

    By default the output of a thread belongs to the cell that started it.

        def watch():
            async_kernel.follow_current_cell()
            for event in events:
                print(event)

    Without an argument, this applies to the calling thread or task. With `thread`, it applies to everything in that
    thread, which may or may not have been started. Raises nothing. In a program without a kernel it does nothing.
    """
    if thread is None:
        adopt(None)
    else:
        follow_fallback(thread)


class ThreadParents(dict[int, Any]):
    """As ipykernel has them: whose output belongs to the cell that started it, by the idents of threads. Taking one out
    has it follow the latest cell once its own has ended."""

    def __bool__(self) -> bool:
        return True  # it is asked before anything is taken out

    def pop(self, ident: int, default: Any = None) -> Any:
        """Take out a thread. The parent that it had is not known: `default` comes back."""
        for thread in threading.enumerate():
            if thread.ident == ident:
                follow_latest(thread)
        return default


class _Carrying:
    """Whether requests are handed on. Afterwards a patch that stays, under another one, only passes calls on."""

    __slots__ = ("ended",)

    def __init__(self) -> None:
        self.ended = False


def carry_requests() -> Callable[[], None]:
    """Hand the request of the starter to threads, to the jobs of thread pools and to callbacks of futures from now on;
    return the function that ends it.

    A patch that was put over it meanwhile stays, and then only passes calls on.
    """
    carrying = _Carrying()
    patches: list[tuple[type, str, Any, Any]] = [
        (owner, name, usual := getattr(owner, name), wrap(usual, carrying))
        for owner, name, wrap in (
            (threading.Thread, "start", _start_with_request),
            (ThreadPoolExecutor, "submit", _submit_with_request),
            (Future, "add_done_callback", _add_with_request),
        )
    ]
    for owner, name, _, ours in patches:
        setattr(owner, name, ours)

    def restore() -> None:
        carrying.ended = True
        for owner, name, usual, ours in patches:
            if getattr(owner, name) is ours:
                setattr(owner, name, usual)

    return restore


def _start_with_request(usual: Callable[[threading.Thread], None], carrying: _Carrying) -> Callable[..., None]:
    """`threading.Thread.start`, which hands on the request."""

    @calls_checkpoint
    def start(self: threading.Thread) -> None:
        request = None if carrying.ended else _request_of_code()
        if request is None:
            usual(self)
            return
        if is_thread_of_library(self, callers()):
            follow_latest(self)
        own = vars(self).get("run")
        run = self.run

        def run_with_request() -> None:
            _give_back(self, own)
            if current_request() is None:  # else the thread was given a context (Python 3.14), which knows better
                adopt(request)
            run()

        self.run = run_with_request
        try:
            usual(self)
        except BaseException:
            _give_back(self, own)
            raise
        if request.checkpoint is not None:
            request.checkpoint()

    return start


def _submit_with_request(usual: Callable[..., Future[Any]], carrying: _Carrying) -> Callable[..., Future[Any]]:
    """`ThreadPoolExecutor.submit`, which hands on the request with the job."""

    @calls_checkpoint
    def submit(self: ThreadPoolExecutor, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        if carrying.ended or _sends_code_elsewhere(self):
            return usual(self, fn, *args, **kwargs)
        request = _request_of_code()
        # Without a request too: the thread that takes the job may have been started by a cell.
        future = usual(self, _Job(request, fn), *args, **kwargs)
        if request is not None and request.checkpoint is not None:
            request.checkpoint()
        return future

    return submit


def _add_with_request(usual: Callable[..., None], carrying: _Carrying) -> Callable[..., None]:
    """`Future.add_done_callback`, which hands on the request with the callback."""

    @calls_checkpoint
    def add_done_callback(self: Future[T], fn: Callable[[Future[T]], object]) -> None:
        # One that is called at once is in its own cell.
        request = None if carrying.ended or self.done() else _request_of_code()
        usual(self, fn if request is None else _Callback(request, fn))
        if request is not None and request.checkpoint is not None:
            request.checkpoint()

    return add_done_callback


class _Job:
    """A job of a pool: a function, and the request that it belongs to. The callbacks of its future, which the pool's
    thread calls next, belong to the same, so it is not taken back."""

    __slots__ = ("_function", "_request")

    def __init__(self, request: Request | None, function: Callable[..., Any]) -> None:
        self._request = request
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        adopt(self._request)
        return self._function(*args, **kwargs)


class _Callback:
    """A callback of a future, and the request that it belongs to. A pool's thread calls it, amid other work."""

    __slots__ = ("_function", "_request")

    def __init__(self, request: Request, function: Callable[[Future[Any]], object]) -> None:
        self._request = request
        self._function = function

    def __call__(self, future: Future[Any]) -> None:
        with lent(self._request):
            self._function(future)


def _request_of_code() -> Request | None:
    request = find_request() if current_request() is not None else None
    return request if request is not None and request.msg_type in _RUN_CODE else None


def _give_back(thread: threading.Thread, own: Any) -> None:
    """Leave the thread's `run` as it was: that of its class, or one of its own."""
    if own is None:
        vars(thread).pop("run", None)
    else:
        vars(thread)["run"] = own


def _sends_code_elsewhere(pool: ThreadPoolExecutor) -> bool:
    """Whether jobs are pickled for another interpreter (InterpreterPoolExecutor, Python 3.14), where no request is."""
    module = sys.modules.get("concurrent.futures.interpreter")
    return module is not None and isinstance(pool, module.InterpreterPoolExecutor)
