"""Hosts: main loops of GUI toolkits, which own the main thread while a backend runs in them as a guest.

A `Host` needs few methods of its toolkit; `docs/guides/writing-a-host.md` explains how to write another. Toolkits are
imported by their own modules only. Nothing here knows the work of the guest.
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
    """The main loop of a GUI toolkit. It is created, run and closed in the main thread.

    Derive a host of your own from this class, and name it with `--host_options={'host_class': 'package.module:Class'}`:

        class ToolkitHost(Host):
            def run(self):
                toolkit.main()

            def stop(self):
                toolkit.quit()

            def call_soon_threadsafe(self, callback):
                toolkit.post(callback)

            def step(self, timeout):
                toolkit.process_events(timeout)

    The guest works in short callbacks, which it requests by `call_soon` and `call_soon_threadsafe`. The host runs them
    in the order of the requests, also in nested main loops, such as that of a modal dialog. Callbacks that each request
    the next must not starve the toolkit's own events. They do not raise.
    """

    gui: ClassVar[str] = ""
    """The toolkit's name in `%gui` and matplotlib, such as "tk" or "qt"; "" if it has none."""

    uses_signal_set_wakeup_fd: ClassVar[bool] = False
    """Whether the toolkit wakes its main loop for signals by `signal.set_wakeup_fd`. Otherwise the guest does."""

    guest_depth = 0
    """Number of the guest's callbacks that are running now. It is above 0 in a main loop that a cell has nested."""

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

        If it returns earlier, for example because user code has quit the application, it is called again.
        """

    @abstractmethod
    def stop(self) -> None:
        """End `run`. Called from a callback in the main thread."""

    @abstractmethod
    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        """Make the main loop call `callback` soon. Called from any thread, before, during and after `run`."""

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Make the main loop call `callback` soon. Called in the main thread; override it if there is a faster way."""
        self.call_soon_threadsafe(callback)

    @abstractmethod
    def step(self, timeout: float) -> None:
        """Process the toolkit's events for a moment, so that windows respond while code blocks the main thread.

        Waits at most `timeout` seconds for the first event. A callback given to `call_soon_threadsafe` ends the wait.
        """

    def dismiss(self) -> None:  # noqa: B027 - a toolkit without nested loops has nothing to do
        """End main loops nested in `run`: close modal dialogs, so that the code that opened them continues.

        An interrupt needs this, since no exception can be raised in code that waits for a modal dialog.
        """

    def is_handler(self, frame: FrameType) -> bool:
        """Return whether the toolkit itself has called the function of `frame`, such as an overridden event handler.

        Called by a signal handler, so it must not call any function of the toolkit.
        """
        return False

    def carry_contexts(self, sink: ErrorSink | None) -> None:  # noqa: B027, most toolkits need none
        """From now on, run each callback in a copy of the context (`contextvars`) in which it was created.

        An `async def` callback is started there as a task of the guest (`hosts.callbacks.start_handler`). Exceptions of
        callbacks are passed to `sink`; None leaves them to the toolkit. `close` restores everything.
        """

    def close(self) -> None:  # noqa: B027, most toolkits need none
        """Free the resources of the host. Called once, after `run`."""


_current: list[Host] = []


def current_host() -> Host | None:
    """The host that runs in this process, or None."""
    return _current[-1] if _current else None
