"""Hosts: main loops of GUI toolkits, which own the main thread while a backend runs in them as a guest.

A `Host` needs few methods of its toolkit; `docs/guides/hosts.md` tells how to write another. Toolkits are imported by
their own modules only. Nothing here knows the work of the guest.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import FrameType, TracebackType
from typing import Any, ClassVar

from async_kernel.stacks import runs_loops, runs_main_loop

__all__ = ["ErrorSink", "Host", "current_host"]

ErrorSink = Callable[[type[BaseException], BaseException, TracebackType | None], object]
"""Receives an exception that left a callback of the toolkit, in the context of that callback."""


class Host(ABC):
    """A toolkit's main loop. Made, run and closed on the main thread.

    A host of your own derives from it, and `--host_options={'host_class': 'package.module:Class'}` names it:

        class ToolkitHost(Host):
            def run(self):
                toolkit.main()

            def stop(self):
                toolkit.quit()

            def call_soon_threadsafe(self, callback):
                toolkit.post(callback)

            def step(self, timeout):
                toolkit.process_events(timeout)

    The guest's life is a series of short callbacks that it asks for by `call_soon` and `call_soon_threadsafe`. They
    run in the order in which they were asked for, must not starve the toolkit's own events when each asks for the
    next, and run in nested main loops (a modal dialog) too. They do not raise.
    """

    gui: ClassVar[str] = ""
    """The name that `%gui` and matplotlib have for the toolkit, "tk" or "qt"; "" when they know none."""

    uses_signal_set_wakeup_fd: ClassVar[bool] = False
    """Whether the toolkit wakes its main loop for signals by `signal.set_wakeup_fd`; the guest does so otherwise."""

    guest_depth = 0
    """How many callbacks of the guest are being run now: more than none in a main loop that a cell has nested."""

    def __init_subclass__(cls, **options: Any) -> None:
        """Mark the methods of a host: they are never interrupted, and a function that they call may be a callback
        of the user's. Functions beside the class that call such callbacks are marked by hand (`stacks.runs_loops`)."""
        super().__init_subclass__(**options)
        runs_loops(cls)
        if "run" in vars(cls):
            runs_main_loop(cls.run)

    def __init__(self, options: Mapping[str, Any]) -> None:
        """`options` are the host options without `host_class`."""
        self.options = options
        self.around_nested: Callable[[], AbstractContextManager[object]] = nullcontext
        """Entered around main loops that user code nests, where the toolkit has a place for that."""

    @abstractmethod
    def run(self) -> None:
        """Run the toolkit's main loop until `stop` is called.

        It may come back earlier, for example when user code quits the application: it is called again then.
        """

    @abstractmethod
    def stop(self) -> None:
        """End `run`; called from a callback on the main thread."""

    @abstractmethod
    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        """Have the main loop call `callback` soon. Called from any thread, before, during and after `run`."""

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Have the main loop call `callback` soon. Called on the main thread; override it if there is a quicker way."""
        self.call_soon_threadsafe(callback)

    @abstractmethod
    def step(self, timeout: float) -> None:
        """Process the toolkit's events for a moment, from code that blocks the main thread, so that windows respond.

        Waits at most `timeout` seconds for the first event; a callback given to `call_soon_threadsafe` ends the wait.
        """

    def dismiss(self) -> None:  # noqa: B027 - a toolkit without nested loops has nothing to do
        """End main loops nested in `run`: close modal dialogs, so that the code that opened them goes on.

        A blocking dialog runs no code of the caller into which an exception could be raised: so it has to go first.
        """

    def is_handler(self, frame: FrameType) -> bool:
        """Return whether the toolkit itself has called the function of `frame`, such as an overridden event handler.

        Asked by a signal handler: no function of the toolkit may be called.
        """
        return False

    def carry_contexts(self, sink: ErrorSink | None) -> None:  # noqa: B027, most toolkits need none
        """From now on run each callback in a copy of the context (`contextvars`) in which it was created.

        One that is an `async def` is started there as a task of the guest (`hosts.callbacks.start_handler`). `sink` is
        given the exceptions of callbacks; None leaves that to the toolkit. `close` undoes all of it.
        """

    def close(self) -> None:  # noqa: B027, most toolkits need none
        """Free the resources of the host. Called once, after `run`."""


_current: list[Host] = []


def current_host() -> Host | None:
    """The host that runs in this process, or None."""
    return _current[-1] if _current else None
