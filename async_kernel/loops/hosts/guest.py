"""Run a plan that has a host: the host's main loop in front, the backend as its guest."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from async_kernel.errors import UsageError
from async_kernel.loops.hosts import Host, _current
from async_kernel.loops.imports import load
from async_kernel.settings.hosts import HOSTS
from async_kernel.stacks import runs_loops

if TYPE_CHECKING:
    from async_kernel.loops.plan import Plan

__all__ = ["make_host", "run_as_guest"]


@runs_loops
def run_as_guest(plan: Plan, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Make the plan's host, run `main()` in it as a guest and return when it returns, with windows open or not.

    An exception of `main` comes out. A KeyboardInterrupt or SystemExit that leaves a callback of the toolkit does not
    end the host's main loop.
    """
    host = make_host(plan)
    ended: list[Callable[[], object]] = []

    def done(result: Callable[[], object]) -> None:
        ended.append(result)
        host.stop()

    _current.append(host)
    try:
        _start(plan, main, host, done)
        while not ended:
            try:
                host.run()
            except (KeyboardInterrupt, SystemExit):
                continue
    finally:
        _current.remove(host)
        host.close()
    ended[0]()


def make_host(plan: Plan) -> Host:
    """The host that a plan names. Raises `UsageError` when its class is no Host."""
    options = dict(plan.host_options)
    host_class = load(options.pop("host_class", None) or HOSTS[plan.host or ""].path)
    if not (isinstance(host_class, type) and issubclass(host_class, Host)):
        raise UsageError(
            f"host_class must be a Host, not {host_class!r}.", "Derive it from async_kernel.loops.hosts.Host."
        )
    return host_class(options)


@runs_loops
def _start(
    plan: Plan,
    main: Callable[[], Coroutine[Any, Any, None]],
    host: Host,
    done: Callable[[Callable[[], object]], None],
) -> None:
    options = {
        name: load(value) if name in ("loop_factory", "task_factory") else value
        for name, value in plan.backend_options.items()
    }
    options.setdefault("host_uses_signal_set_wakeup_fd", host.uses_signal_set_wakeup_fd)

    def soon(callback: Callable[[], object]) -> None:
        host.call_soon(lambda: _turn(host, callback))

    def soon_threadsafe(callback: Callable[[], object]) -> None:
        host.call_soon_threadsafe(lambda: _turn(host, callback))

    if plan.backend == "trio":
        import trio

        trio.lowlevel.start_guest_run(
            main,
            run_sync_soon_threadsafe=soon_threadsafe,
            run_sync_soon_not_threadsafe=soon,
            done_callback=lambda outcome: done(outcome.unwrap),
            **options,
        )
    else:
        from async_kernel.loops.asyncio_guest import start_guest_run

        start_guest_run(
            main,
            run_sync_soon_threadsafe=soon_threadsafe,
            run_sync_soon_not_threadsafe=soon,
            done_callback=lambda task: done(task.result),
            **options,
        )


@runs_loops
def _turn(host: Host, callback: Callable[[], object]) -> None:
    host.guest_depth += 1
    try:
        callback()
    finally:
        host.guest_depth -= 1
