"""The functions that run an event loop, made to work while one runs in the calling thread already.

`allow_inner_loops()` wraps the documented entry points, and nothing else: those of the standard library at once, those
of other libraries as they are imported. A wrapper sets the running loop aside (`async_kernel.concurrency.nested`) and
calls the wrapped function. Where no loop runs they do nothing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from functools import wraps
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from async_kernel.stacks import runs_user_calls

from .fibers import all_into_fiber, into_fiber
from .nested import entered, has_set_aside, innermost, set_aside
from .portal import current_portal

__all__ = ["allow_inner_loops"]

Function = Callable[..., Any]
Wrap = Callable[[Function], Function]


def allow_inner_loops() -> Callable[[], None]:
    """Let `asyncio.run`, `asyncio.Runner`, `uvloop.run`, `anyio.run`, `trio.run` and `loop.run_until_complete` be
    called while a loop runs in the thread, as libraries for plain Python do; return the function that undoes it.

    They run in the calling thread, and so in its context; the outer loop waits. An interrupt ends the inner loop as
    Ctrl-C ends it in plain Python: its main task is cancelled, and KeyboardInterrupt comes out. A loop that is running
    still refuses to run again: `asyncio.get_event_loop().run_until_complete(...)` gives the outer one.
    """
    undo: list[Callable[[], object]] = []

    def patch(module: ModuleType) -> None:
        for path, wrap in _ENTRY_POINTS[module.__name__].items():
            *parents, name = path.split(".")
            owner: Any = module
            for parent in parents:
                owner = getattr(owner, parent, None)
            if hasattr(owner, name):
                undo.append(_replace(owner, name, wrap(getattr(owner, name))))

    finder = _AtImport(patch)
    for name in _ENTRY_POINTS:
        if (module := sys.modules.get(name)) is not None:
            patch(module)
    sys.meta_path.insert(0, finder)

    def restore() -> None:
        with suppress(ValueError):
            sys.meta_path.remove(finder)
        for step in reversed(undo):
            step()

    return restore


def _replace(owner: Any, name: str, new: Function) -> Callable[[], object]:
    """Set an attribute; return a function that restores the former value, unless the attribute was set again since."""
    own = vars(owner)
    was_there, former = name in own, own.get(name)
    setattr(owner, name, new)

    def restore() -> None:
        if vars(owner).get(name) is new:
            if was_there:
                setattr(owner, name, former)
            else:  # uvloop.Loop inherits the wrapped function
                delattr(owner, name)

    return restore


@runs_user_calls
class _AtImport:
    """Calls `patch` with a module of the table as soon as it was imported."""

    def __init__(self, patch: Callable[[ModuleType], None]) -> None:
        self._patch = patch

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname not in _ENTRY_POINTS:
            return None
        for finder in sys.meta_path:
            spec = finder.find_spec(fullname, path, target) if finder is not self else None
            if spec is not None:
                self._follow(spec)
                return spec
        return None

    def _follow(self, spec: ModuleSpec) -> None:
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            self._patch(module)

        with suppress(AttributeError):  # a loader that takes no attributes: that library stays as it is
            loader.exec_module = exec_module


@runs_user_calls
def _without_loop(function: Function) -> Function:
    """`function`, called with the running loop set aside."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with set_aside():
            return function(*args, **kwargs)

    return run


@runs_user_calls
class _Inner:
    """An asyncio loop that runs inside another, until `future` is done or, when that is None, until it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any] | None) -> None:
        self.loop = loop
        self.interrupted = False
        self._future = future

    def call(self, function: Callable[..., None], *args: Any) -> bool:
        try:
            self.loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # it was closed meanwhile
            return False
        return True

    def end_wait(self) -> None:
        self.interrupted = True
        if self._future is None:
            self.loop.stop()
        else:
            self._future.cancel()


@runs_user_calls
def _asyncio_until_complete(function: Function) -> Function:
    @wraps(function)
    def run_until_complete(self: asyncio.AbstractEventLoop, future: Any) -> Any:
        if self.is_running() or self.is_closed():
            return function(self, future)  # raises the right exception
        with set_aside():
            if not has_set_aside():
                return function(self, future)
            task = asyncio.ensure_future(future, loop=self)
            inner = _Inner(self, task)
            try:
                with entered(inner):
                    return function(self, task)
            except asyncio.CancelledError:
                if inner.interrupted:
                    raise KeyboardInterrupt from None
                raise
            except BaseException:
                if task is not future:  # made here, so nobody else will look at it
                    if task.done() and not task.cancelled():
                        task.exception()
                    vars_of_task: Any = task
                    vars_of_task._log_destroy_pending = False
                raise

    return run_until_complete


@runs_user_calls
def _asyncio_forever(function: Function) -> Function:
    @wraps(function)
    def run_forever(self: asyncio.AbstractEventLoop) -> None:
        if self.is_running() or self.is_closed():
            function(self)
            return
        with set_aside():
            around = innermost(threading.get_ident())
            if not has_set_aside() or (isinstance(around, _Inner) and around.loop is self):
                function(self)  # the usual case: called by run_until_complete
                return
            inner = _Inner(self, None)
            with entered(inner):
                function(self)
        if inner.interrupted:
            raise KeyboardInterrupt

    return run_forever


@runs_user_calls
def _trio(function: Function) -> Function:
    @wraps(function)
    def run(async_fn: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **options: Any) -> Any:
        with set_aside():
            if not has_set_aside() or not callable(async_fn):
                return function(async_fn, *args, **options)

            @wraps(async_fn)
            async def main(*args: Any) -> Any:
                portal = current_portal()
                with entered(portal), portal.waiting():
                    return await async_fn(*args)

            return function(main, *args, **options)

    return run


@runs_user_calls
def _own_loops_only(function: Function) -> Function:
    """`nest_asyncio.apply`, left out where the loop is not one of asyncio's own: it would refuse that loop with half of
    asyncio patched already, for good. Its purpose, `asyncio.run` in a cell, works without it."""

    @wraps(function)
    def apply(loop: asyncio.AbstractEventLoop | None = None, *args: Any, **options: Any) -> Any:
        if isinstance(loop or asyncio.get_event_loop(), asyncio.BaseEventLoop):
            return function(loop, *args, **options)
        return None

    return apply


_UVLOOP: Mapping[str, Wrap] = {
    "run": _without_loop,
    "Loop.run_until_complete": _asyncio_until_complete,
    "Loop.run_forever": _asyncio_forever,
}

_ENTRY_POINTS: Mapping[str, Mapping[str, Wrap]] = {
    "asyncio": {"run": _without_loop, "Runner.run": _without_loop},
    "asyncio.base_events": {
        "BaseEventLoop.run_until_complete": _asyncio_until_complete,
        "BaseEventLoop.run_forever": _asyncio_forever,
    },
    "asyncio.runners": {"run": _without_loop},
    "uvloop": _UVLOOP,
    "winloop": _UVLOOP,
    "anyio": {"run": _without_loop},
    "trio": {"run": _trio},
    "trio._core": {"run": _trio},
    "nest_asyncio": {"apply": _own_loops_only},
    "nest_asyncio2": {"apply": _own_loops_only},
    "playwright.sync_api._context_manager": {
        "PlaywrightContextManager.__enter__": into_fiber(lambda manager: None),
        "PlaywrightContextManager.__exit__": into_fiber(lambda manager: getattr(manager, "_loop", None)),
    },
    "playwright._impl._sync_base": {
        "SyncBase.__init_subclass__": all_into_fiber,
        "EventInfo.value": into_fiber(lambda info: info._sync_base._loop),
        "EventContextManager.__enter__": into_fiber(lambda manager: manager._event._sync_base._loop),
        "EventContextManager.__exit__": into_fiber(lambda manager: manager._event._sync_base._loop),
    },
    # Refuses by itself to be called beside a running loop; it then runs one in another thread.
    "asgiref.sync": {"AsyncToSync.__call__": _without_loop},
}
"""Per module, the entry points and how each is wrapped."""
