"""Run the main coroutine as a plan says. Loops, backends and toolkits are imported here and not before."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from async_kernel.loops.imports import load
from async_kernel.loops.plan import Plan
from async_kernel.stacks import runs_loops, runs_main_loop

__all__ = ["LOOPS", "loop_path", "run"]

LOOPS: Mapping[str, str] = {
    "asyncio": "asyncio:SelectorEventLoop",
    "asyncio-win32": "asyncio:ProactorEventLoop",  # the one that has subprocesses on Windows
    "uvloop": "uvloop:new_event_loop",
    "winloop": "winloop:new_event_loop",
}
"""Where the factory of each asyncio loop is."""


@runs_main_loop
def run(plan: Plan, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `main()` in the calling thread, which must be the main thread; return when it returns.

    An exception of `main` comes out. On asyncio's loops a KeyboardInterrupt or SystemExit that leaves another task or
    a callback does not end the run (see `loops.resume`); trio's own rules hold on trio. With a host, the thread
    belongs to the toolkit's main loop, and open windows or an application that was quit make no difference.
    """
    with ExitStack() as closing:
        if plan.backend == "asyncio":
            main = _leaving_threads(main, closing)
        if plan.host is not None:
            from async_kernel.loops.hosts.guest import run_as_guest

            run_as_guest(plan, main)
            return
        options = plan.backend_options
        if plan.backend == "trio":
            import trio

            trio.run(main, **options)
            return
        import asyncio

        from async_kernel.loops.resume import resuming

        factory = options.get("loop_factory") or loop_path(plan.loop, sys.platform)
        if plan.loop == "asyncio" and sys.platform != "win32":
            main = _woken(main)
        loop_factory = resuming(load(factory) if isinstance(factory, str) else factory)
        with asyncio.Runner(debug=options.get("debug"), loop_factory=loop_factory) as runner:
            runner.run(main())


@runs_loops
def _leaving_threads(
    main: Callable[[], Coroutine[Any, Any, None]], closing: ExitStack
) -> Callable[[], Coroutine[Any, Any, None]]:
    """`main`, whose loop does not wait at its end for functions in threads (`asyncio.to_thread`).

    asyncio waits for five minutes, up to 3.11 for ever. Who ends the process waits for all threads. What is entered
    into `closing` is left when the loop is closed.
    """

    async def leaving() -> None:
        try:
            await main()
        finally:
            from asyncio import get_running_loop
            from concurrent.futures import ThreadPoolExecutor

            get_running_loop().set_default_executor(ThreadPoolExecutor())
            closing.enter_context(_unwatched_threads())

    return leaving


@contextmanager
def _unwatched_threads() -> Iterator[None]:
    """Threads that start meanwhile have no trace or profile function (`threading.settrace`, `threading.setprofile`).

    The loop ends its executor in a thread, and waits for what that thread sets at its end. A function of a cell's that
    raises ends the thread before, and the loop would wait for ever.
    """
    trace, profile = threading.gettrace(), threading.getprofile()
    threading.settrace(None)
    threading.setprofile(None)
    try:
        yield
    finally:
        threading.settrace(trace)
        threading.setprofile(profile)


@runs_loops
def _woken(main: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """`main`, with a loop that every signal wakes: asyncio's selector loop leaves a gap (see `interrupts.wakeup`)."""
    from asyncio import get_running_loop

    from async_kernel.interrupts.wakeup import woken_by_signals

    async def woken() -> None:
        with woken_by_signals(get_running_loop()):
            await main()

    return woken


def loop_path(loop: str, platform: str) -> str:
    """The import string of a loop's factory, for example "uvloop:new_event_loop"."""
    return LOOPS.get(f"{loop}-{platform}") or LOOPS[loop]
