"""The parts of a kernel that are loaded late: interpreter, comms, debugger, streams, and the host's callbacks.

Each is named by an import string and imported when the main lane has begun to run.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from async_kernel.interrupts.interrupter import Interrupter
from async_kernel.kernel.kernel import Kernel
from async_kernel.kernel.modes import mode_of
from async_kernel.kernel.ports import CellScope, Debugger, Interpreter, Parts
from async_kernel.kernel.request import Request, find_request, set_fallback
from async_kernel.launcher import load_interface, make_plan
from async_kernel.settings import Settings, attribute
from async_kernel.system.abandoned_imports import go_on_importing
from async_kernel.system.main_thread import wake_main_thread
from async_kernel.system.service_thread import Later, later

if TYPE_CHECKING:
    from async_kernel.interrupts.callbacks import Callback
    from async_kernel.loops.hosts import Host
    from async_kernel.loops.plan import Plan

__all__ = ["Claims", "Loader", "Loops", "interrupting"]

INTERPRETER = "async_kernel.ipython:create_interpreter"
INTERPRETER_MODULE = "async_kernel.ipython.interpreter"
COMMS = "async_kernel.comms:CommHandlers"
NAMESAKES = "async_kernel.namesakes:lend_namesakes"
ERROR_SINK = "async_kernel.ipython.gui:show_callback_error"
DEBUGGER = "async_kernel.debugger.debugger:Debugger"
STREAMS = "async_kernel.streams.install:install_streams"

log = logging.getLogger("async_kernel")


class Claims(NamedTuple):
    """The things of a process that a kernel may take, each as a fact."""

    names: bool
    """The name `ipykernel` and sys.argv: no program around the kernel uses them for something else."""

    loop: bool
    """The tasks and callbacks of the loop: an interrupt may end them, since cells have left them behind."""

    streams: bool
    """sys.stdout, sys.stderr and `input`."""

    descriptors: bool
    """The file descriptors 1 and 2."""

    strays: bool
    """Output that belongs to no cell: it goes to the latest one."""

    imports: bool
    """The collector of garbage, which `OwnProcess` has switched off for the time of the imports, and these themselves,
    which it abandons at the end."""


class Loops:
    """The plan of a kernel, made when it is first needed, and the ways to run by it.

    MissingPackageError, HostUnavailableError or UsageError where the plan cannot be made (see `make_plan`).
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plan: Plan | None = None

    def plan(self) -> Plan:
        """The backend, loop and host of the kernel."""
        if self._plan is None:
            self._plan = make_plan(self._settings)
            log.debug("%s", self._plan)
        return self._plan

    @property
    def host(self) -> Host | None:
        """The host that runs, if the plan has one."""
        if self.plan().host is None:
            return None
        from async_kernel.loops.hosts import current_host

        return current_host()

    def run_in_thread(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run `main` on the backend in the calling thread, which is not the main one (a `RunLoop`)."""
        from async_kernel.loops.run import run

        run(self.plan()._replace(host=None, host_options={}), main)


@contextmanager
def interrupting(kernel: Kernel) -> Iterator[Interrupter]:
    """The interrupter of a kernel; on leaving, its handlers and hooks are undone."""
    interruption = kernel.interruption
    interrupter = Interrupter(
        wake_main_thread,
        interruption.here,
        interruption.targets,
        kernel.shells.executions,
        resume_stopped=kernel.resume_stopped,
    )
    try:
        yield interrupter
    finally:
        interrupter.restore()


class Loader:
    """Loads the parts of `kernel` (`load`). As a context manager it closes them, in reverse.

    `outer` and `inner` are the scopes around each cell that the process has to give, outside and inside those of the
    parts. `debugger` says that there is one to offer. Cells run in `namespace`, by default in a module of their own.
    `later` waits until things are due that come some time after the start.
    """

    def __init__(
        self,
        settings: Settings,
        kernel: Kernel,
        interrupter: Interrupter,
        loops: Loops,
        connection_file: str,
        claims: Claims,
        *,
        outer: Sequence[CellScope] = (),
        inner: Sequence[CellScope] = (),
        debugger: bool = False,
        namespace: dict[str, Any] | None = None,
        later: Later = later,
    ) -> None:
        self._settings = settings
        self._kernel = kernel
        self._interrupter = interrupter
        self._loops = loops
        self._connection_file = connection_file
        self._claims = claims
        self._outer = outer
        self._inner = inner
        self._debugger = debugger
        self._namespace = namespace
        self._later = later
        self._undo = ExitStack()
        self._interpreter: Interpreter | None = None
        self._leave_cells: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._undo:
            try:
                if self._interpreter is not None:
                    self._interpreter.close(self._kernel.restart)
            except BaseException:
                log.exception("the interpreter could not be closed in good order")

    def before_exit(self) -> None:
        """No cell follows, but exit functions of users, which may hang: keep what is to be kept, and have what they
        write go to the log. Any thread."""
        self._leave_cells()
        if self._interpreter is not None:
            self._interpreter.save()

    def load(self) -> Parts:
        """Import everything and put it in place. To be called in the main thread, in the loop."""
        settings, host = self._settings.attributes, self._loops.host
        if self._claims.imports:
            import_module(INTERPRETER_MODULE)
            go_on_importing()
            gc.freeze()  # what was imported stays: by these two it is old, without having been looked through
            gc.unfreeze()
            gc.enable()  # before the shell is made, and startup files of the user's run
        attributes = {**settings, "shell.connection_file": self._connection_file}
        if host is not None:
            attributes["shell.gui_host"] = host.gui
        if self._claims.names:
            self._undo.callback(load_interface(NAMESAKES)(self._connection_file))
        interpreter: Interpreter = load_interface(INTERPRETER)(attributes, self._namespace, self._later)
        self._interpreter = interpreter
        kernel = self._kernel
        comms = load_interface(COMMS)(kernel.publish, lambda: kernel.shells.runs_cell, kernel.serves, interpreter.fire)
        self._undo.callback(comms.restore)
        parts = Parts(
            interpreter,
            comms,
            self._interrupter,
            make_debugger=(lambda: self._make_debugger(interpreter)) if self._debugger else None,
            # Toolkits want to be called by the thread of their main loop only, and plots are what widgets often change.
            comms_in_thread=settings.get("kernel.comms_in_thread", host is None),
        )
        if host is not None:
            parts = self._join(parts, host)
        elif self._claims.loop:
            parts = self._watch_loop(parts)
        return parts._replace(cell_scopes=self._scopes())

    def _scopes(self) -> list[CellScope]:
        """The scopes around a cell, from the outside."""
        scopes = [*([adopting_strays] if self._claims.strays else []), *self._outer]
        if self._claims.streams:
            scopes.append(self._install_streams())
        return [*scopes, *self._inner]

    def _install_streams(self) -> CellScope:
        from async_kernel.ipython import stdin_refusal

        echo = not attribute(self._settings, "kernel.quiet")
        capture = self._claims.descriptors and attribute(self._settings, "kernel.capture_fd")
        installed = load_interface(STREAMS)(echo=echo, capture=capture, refusal=stdin_refusal())
        self._undo.callback(installed.restore)
        self._leave_cells = installed.leave_cells
        around_cell: CellScope = installed.around_cell
        return around_cell

    def _make_debugger(self, interpreter: Interpreter) -> Debugger:
        from async_kernel.kernel.visit import visit

        kernel = self._kernel
        debugger: Debugger = load_interface(DEBUGGER)(
            interpreter.debuggee,
            lambda msg_type, content: kernel.publish(msg_type, content, {}, ()),
            lambda function, seconds: visit(kernel.shells.main.bench.portal, function, seconds),
        )
        return debugger

    def _join(self, parts: Parts, host: Host) -> Parts:
        """Let the toolkit's callbacks belong to cells, windows live while a cell asks, interrupts reach both."""
        from async_kernel.interrupts.callbacks import ToolkitCallbacks
        from async_kernel.loops.hosts.callbacks import HostEvent

        callbacks = ToolkitCallbacks(host, self._callback)
        self._interrupter.reach_into(callbacks)
        host.carry_contexts(load_interface(ERROR_SINK))
        return parts._replace(callback=callbacks.current, make_event=lambda: HostEvent(host))

    def _watch_loop(self, parts: Parts) -> Parts:
        """Let interrupts reach tasks and callbacks that the loop runs while no cell does: a task that never awaits
        holds up everything."""
        from async_kernel.interrupts.callbacks import LoopCallbacks

        return parts._replace(callback=LoopCallbacks(self._callback).current)

    def _callback(self, frame: FrameType) -> Callback:
        """The target for a callback or task with this outermost frame."""
        from async_kernel.interrupts.callbacks import Callback

        return Callback(frame, _defer, self._kernel.end_question)


def adopting_strays(request: Request) -> None:
    """Around a cell: if it runs in the turn of the main shell, what is written outside any cell is the cell's."""
    if mode_of(request.message) is None and not request.message.header.subshell_id:
        set_fallback(request)


def _defer(checkpoint: Callable[[], None]) -> None:
    """Have `checkpoint()` called after the next output of what runs in this context."""
    request = find_request()
    if request is not None:
        request.defer(checkpoint)
