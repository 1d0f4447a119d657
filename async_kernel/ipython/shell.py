"""IPython's shell, with output, errors and payloads said through the request of the calling context.

`InteractiveShell` initialises itself; only its documented hooks are filled in here. Knows no sockets or channels.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cached_property
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from IPython.core.autocall import ZMQExitAutocall
from IPython.core.display_trap import DisplayTrap
from IPython.core.error import UsageError
from IPython.core.events import EventManager, available_events
from IPython.core.interactiveshell import InteractiveShell, InteractiveShellABC
from traitlets import Any as AnyTrait
from traitlets import Float, Instance, Type, default

from async_kernel.interrupts.aftermath import FirmInterrupt
from async_kernel.ipython.autoawait import OWN_LOOP, AutoAwaitMagics, inner_runner
from async_kernel.ipython.awaited_calls import await_magics
from async_kernel.ipython.cells import Cell, current_cell, nested
from async_kernel.ipython.commands import Command
from async_kernel.ipython.compiler import KernelCompiler
from async_kernel.ipython.debuggers import adapt_pdb
from async_kernel.ipython.display import CellPayloads, KernelDisplayHook, KernelDisplayPublisher
from async_kernel.ipython.facade import KernelFacade, end_kernel, parent_message
from async_kernel.ipython.gui import enable_gui, matplotlib_backend
from async_kernel.ipython.history_file import DelayedSave, HistoryManager
from async_kernel.ipython.letting_go import forget_results, let_go
from async_kernel.ipython.line_numbers import keep_line_numbers
from async_kernel.ipython.other_library import point_to_asyncio
from async_kernel.ipython.pager import show_in_pager
from async_kernel.ipython.plain_cells import PlainCells
from async_kernel.ipython.preparation import prepare
from async_kernel.ipython.shell_registry import display, leave, shell_here, shells
from async_kernel.ipython.tracebacks import cut_our_tail, error_content, has_group, interruption, plain_traceback
from async_kernel.ipython.transcript import Transcript
from async_kernel.kernel.parents import NamesParents
from async_kernel.kernel.request import Request, adopt, current_request, find_request
from async_kernel.protocol.messages import Content
from async_kernel.stacks import runs_user_code
from async_kernel.system.reserve import make_room

if TYPE_CHECKING:
    import ast

    from async_kernel.ipython.awaiting import AwaitingMagics

__all__ = ["ZMQInteractiveShell"]

_log = logging.getLogger(__name__)

_RUN_CELL = InteractiveShell.run_cell

_ExcInfo = tuple[type[BaseException], BaseException, "TracebackType | None"]

# There is no terminal: pagers must not wait for keys, and programs may use colours, which front ends draw.
_ENVIRONMENT = {"TERM": "xterm-color", "PAGER": "cat", "GIT_PAGER": "cat"}
_ENVIRONMENT_DEFAULTS = {
    "CLICOLOR": "1",
    "CLICOLOR_FORCE": "1",
    "FORCE_COLOR": "1",
}


class Events(EventManager):
    """IPython's events, which show the exception of a callback and go on, except for KeyboardInterrupt: it ends the
    cell."""

    def trigger(self, event: str, *args: Any, **kwargs: Any) -> None:
        """Call the callbacks of `event`."""
        if not self.callbacks[event]:
            return
        super().trigger(event, *args, **kwargs)
        cell = current_cell()
        if cell is not None and isinstance(cell.failed, KeyboardInterrupt):
            raise cell.failed


class ZMQInteractiveShell(InteractiveShell, NamesParents):
    """The shell behind `get_ipython()`.

    It has the class name that rich, pandas and many scripts look for to see that they run in a Jupyter kernel, and
    that profiles configure (`c.ZMQInteractiveShell.xmode = "Verbose"`).
    """

    user_module: ModuleType
    user_ns: dict[str, Any]
    ns_table: dict[str, dict[str, Any]]
    display_trap: Any
    builtin_trap: Any
    events: Any

    compiler_class = Type(KernelCompiler)
    displayhook_class = Type(KernelDisplayHook)
    display_pub_class = Type(KernelDisplayPublisher)
    keepkernel_on_exit = AnyTrait(None, allow_none=True)
    kernel = Instance(KernelFacade, allow_none=True)

    timeout = Float(
        0.0, help="Seconds after which a cell is interrupted when its request names none; 0 means never."
    ).tag(config=True)
    connection_file = AnyTrait("", help="The connection file of the kernel, for %connect_info.")
    gui_host = AnyTrait(None, allow_none=True, help="The GUI toolkit whose main loop the kernel runs in, if any.").tag(
        config=True  # set while the shell is made: matplotlib's default backend depends on it
    )

    def __init__(self, **kwargs: Any) -> None:
        lent = kwargs.get("user_ns")
        self._lent = None if lent is None else frozenset(lent)
        self._next_number = 1
        self._numbering = threading.Lock()
        super().__init__(**kwargs)
        atexit.unregister(self.atexit_operations)  # `close` does it, when the exit functions of users have run
        self.kernel = KernelFacade(self)

    @classmethod
    def beside_others(cls, **kwargs: Any) -> ZMQInteractiveShell:
        """A new shell. The first one is IPython's `instance()`, which `display` and many others ask for."""
        shell: ZMQInteractiveShell = cls(**kwargs) if cls.initialized() else cls.instance(**kwargs)
        shells.append(shell)
        return shell

    # -- numbers ------------------------------------------------------------------------------------------------------

    @property
    def execution_count(self) -> int:
        """The number of the next stored cell. Inside a cell that IPython has not counted yet (it does so before or
        after running it, depending on its version): the number that the cell was given, so that cells starting on two
        threads at once never share one."""
        cell = current_cell()
        return self._next_number if cell is None or cell.counted else cell.input_number

    @execution_count.setter
    def execution_count(self, number: int) -> None:
        cell = current_cell()
        if cell is None or cell.counted:
            self._next_number = number
        else:  # begin_cell() has counted it
            cell.counted = True

    def begin_cell(self, code: str, *, stored: bool) -> Cell:
        """Give a cell its number. Blank cells get none, nor do those outside the history."""
        stored = stored and not (code == "" or code.isspace())
        with self._numbering:
            cell = Cell(self._next_number, stored, self)
            self._next_number += stored
        return cell

    async def run_cell_async(
        self, raw_cell: str, store_history: bool = False, silent: bool = False, *args: Any, **kwargs: Any
    ) -> Any:
        """Run a cell, as IPython does. One that the code of a cell runs (`run_cell`, `%rerun`, `%run` of a notebook)
        has a number of its own when it is stored, so that its results stand in `Out` where its input is in `In`."""
        outer = current_cell()
        if outer is None or not outer.begun:
            if outer is not None:
                outer.begun = True
            cell = super().run_cell_async(raw_cell, store_history, silent, *args, **kwargs)
            runner = inner_runner(self, kwargs.get("transformed_cell") or raw_cell)
            return await cell if runner is None else runner(cell)
        if store_history and not silent:
            inner = self.begin_cell(raw_cell, stored=True)
        else:
            inner = Cell(outer.number, stored=False, owner=self)
            inner.number = outer.number
        inner.begun = True
        inner.code = kwargs.get("transformed_cell") or raw_cell
        with nested(inner, outer):
            return await super().run_cell_async(raw_cell, store_history, silent, *args, **kwargs)

    # -- hooks of InteractiveShell -----------------------------------------------------------------------------------

    @default("exiter")
    def _exiter_default(self) -> ZMQExitAutocall:
        return ZMQExitAutocall(self)

    @default("loop_runner")
    def _default_loop_runner(self) -> Any:
        return OWN_LOOP

    def init_displayhook(self) -> None:
        """Have results of all shells of the process go through one trap: their cells overlap."""
        super().init_displayhook()
        self.display_trap = shells[0].display_trap if shells else DisplayTrap(hook=display)

    def init_builtins(self) -> None:
        """The same for the names that are builtins while cells run."""
        super().init_builtins()
        self.builtin_trap.auto_builtins["get_ipython"] = shell_here
        if shells:
            self.builtin_trap = shells[0].builtin_trap

    def init_environment(self) -> None:
        """Set the variables for programs started from cells, unless the environment is that of somebody's program."""
        if self._lent is not None:
            return
        os.environ.update(_ENVIRONMENT)
        for name, value in _ENVIRONMENT_DEFAULTS.items():
            os.environ.setdefault(name, value)
        os.environ.setdefault("MPLBACKEND", matplotlib_backend(self.gui_host))

    def init_history(self) -> None:
        """Open the history; in memory when its file cannot be used, which is no reason not to start."""
        try:
            self.history_manager = HistoryManager(shell=self, parent=self)
        except Exception:
            _log.error("The history file cannot be used, so history is kept in memory", exc_info=True)
            self.config.HistoryManager.hist_file = ":memory:"
            self.history_manager = HistoryManager(shell=self, parent=self)
        self.configurables.append(self.history_manager)
        self._delayed_save = DelayedSave(self.history_manager)
        self.transcript = Transcript(self.history_manager)

    @contextmanager
    def _tee(self, channel: str) -> Iterator[None]:
        """The means by which IPython's `run_cell` keeps printed text for `%notebook`: it does nothing, as `transcript`
        keeps it. IPython's own exchanges `sys.stdout.write`, for all cells that run meanwhile."""
        yield

    def init_events(self) -> None:
        """Have the history written after cells, and cells ended by an interrupt of the code around them."""
        super().init_events()
        callbacks, self.events = self.events.callbacks, Events(self, available_events)
        self.events.callbacks = callbacks
        self.events.register("post_run_cell", self._delayed_save.ask)

    def init_hooks(self) -> None:
        """Let the pager write payloads."""
        super().init_hooks()
        self.set_hook("show_in_pager", show_in_pager, 99)

    def init_magics(self) -> None:
        """Add the magics that only a kernel has, and await those of IPython's whose code awaits."""
        from async_kernel.ipython.directives import DirectiveMagics, take_directive
        from async_kernel.ipython.files_beside import FilesBeside
        from async_kernel.ipython.magics import KernelMagics

        super().init_magics()
        self.register_magics(KernelMagics, DirectiveMagics, AutoAwaitMagics)
        self.input_transformers_cleanup.insert(0, take_directive)
        manager = self.input_transformer_manager
        manager.token_transformers = keep_line_numbers(manager.token_transformers)
        self._files_beside = FilesBeside()
        self._plain_cells = PlainCells(self)

    @cached_property
    def awaiting_magics(self) -> AwaitingMagics:
        """The magics whose code awaits."""
        from async_kernel.ipython.awaiting import AwaitingMagics

        return AwaitingMagics(self)

    def transform_cell(self, raw_cell: str) -> str:
        """Make Python code of a cell, as IPython does."""
        if raw_cell in self._plain_cells:
            return raw_cell if raw_cell.endswith("\n") else f"{raw_cell}\n"
        transformed: str = super().transform_cell(raw_cell)
        return transformed

    def transform_ast(self, node: ast.AST) -> ast.AST:
        """Have magics that await awaited, and transform what comes of it as IPython does."""
        # Not as two more of `ast_transformers`: if there is any, IPython walks through the tree once more.
        self._files_beside.look(node)
        if getattr(node, "may_call_magics", True):
            node = await_magics(self, node)
        transformed: ast.AST = super().transform_ast(node)
        return transformed

    def init_pdb(self) -> None:
        """Have interrupts end code that a debugger has let go on, unless they are those of somebody's program."""
        super().init_pdb()
        if self._lent is None:
            adapt_pdb()

    def init_payload(self) -> None:
        """Keep payloads with their cell."""
        self.payload_manager = CellPayloads(parent=self)
        self.configurables.append(self.payload_manager)

    def enable_gui(self, gui: str | None = None) -> None:
        """The function that `%gui` and `%matplotlib` call: see `async_kernel.ipython.gui`."""
        enable_gui(gui, self.gui_host)

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str | None, str]:
        """`%matplotlib`: as IPython's, once it is known that the toolkit can live here."""
        from IPython.core.pylabtools import find_gui_and_backend

        gui = gui or self.gui_host
        enable_gui(find_gui_and_backend(gui)[0], self.gui_host)
        chosen: tuple[str | None, str] = super().enable_matplotlib(gui)
        return chosen

    @runs_user_code
    def system_piped(self, cmd: str) -> None:
        """Run a shell command, its output going to the current cell as it comes (`!cmd`).

        Its exit status goes to `_exit_code`. OSError for a command that ends in `&`: `os.system` runs such a one.
        """
        text = self.var_expand(cmd, depth=1)
        if sys.platform == "win32":
            with self._going_on_with_no_interrupt():
                super().system_piped(text)
            return
        if text.rstrip().endswith("&"):
            raise OSError("Background processes not supported.")
        command = Command(text)
        try:
            command.run()
        except KeyboardInterrupt:
            raise KeyboardInterrupt from None
        finally:
            self.user_ns["_exit_code"] = command.status
        if getattr(self, "system_raise_on_error", False) and command.status != 0:  # which came with a later IPython
            from subprocess import CalledProcessError

            raise CalledProcessError(command.status, cmd)

    system = system_piped

    @runs_user_code
    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run a shell command; return the lines that it writes, or with `split=False` its text (`lines = !cmd`)."""
        with self._going_on_with_no_interrupt():
            return super().getoutput(cmd, split, depth + 1)

    @contextmanager
    def _going_on_with_no_interrupt(self) -> Iterator[None]:
        """IPython ends a command on KeyboardInterrupt and goes on; an interrupted cell must not go on."""
        request = find_request()
        before = request is None or request.interrupted
        yield
        if request is not None and request.interrupted and not before:
            raise KeyboardInterrupt

    def ask_exit(self) -> None:
        """Ask the front end to end the session (`exit`, `quit`), and end the kernel, since consoles alone read that.

        `exit(keep_kernel=True)` lets the kernel live on.
        """
        keep = bool(self.keepkernel_on_exit)
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": keep})
        if not keep:
            end_kernel(restart=False)

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """Have the front end put `s` into the next cell, or into this one when `replace` is set."""
        self.payload_manager.write_payload({"source": "set_next_input", "text": s, "replace": replace})

    # -- errors -------------------------------------------------------------------------------------------------------

    def showtraceback(
        self,
        exc_tuple: _ExcInfo | None = None,
        filename: str | None = None,
        tb_offset: int | None = None,
        exception_only: bool = False,
        running_compiled_code: bool = False,
    ) -> None:
        """Publish the given or current exception as an `error`, whatever it is and whatever fails on the way."""
        _, value, tb = exc_tuple or sys.exc_info()
        if value is None:  # %tb: the latest one again
            value, tb = getattr(sys, "last_value", None), getattr(sys, "last_traceback", None)
        if value is None:
            super().showtraceback(exc_tuple, filename, tb_offset, exception_only, running_compiled_code)
            return
        if isinstance(value, MemoryError):  # its formatter may still have to be imported
            make_room()
        cut_our_tail(tb)
        cell, request = current_cell(), find_request()
        if cell is not None:
            cell.error = None
        shown: BaseException = value
        if isinstance(value, FirmInterrupt) or (request is not None and request.interrupted):
            shown = interruption(value) or value
            if request is not None and request.reason and type(shown) is KeyboardInterrupt and not shown.args:
                shown.args = (request.reason,)
        with suppress(Exception):  # of an exception's own methods
            point_to_asyncio(shown)
        if has_group(shown):
            self._get_exc_info((type(shown), shown, tb))  # where %tb and %debug look
            self._showtraceback(type(shown), shown, plain_traceback(shown))
            if self.call_pdb:
                self.debugger(force=True)
        else:
            given = exc_tuple if shown is value else (type(shown), shown, tb)
            # The cell has failed already: nothing is left to end but the formatting, and the debugger of `%pdb on`. The
            # exception's own methods may raise anything.
            with suppress(BaseException):
                prepare()
                super().showtraceback(given, filename, tb_offset, exception_only, running_compiled_code)
        if cell is not None:
            if cell.error is None:  # formatting failed or was interrupted; IPython has at best printed something
                lines = plain_traceback(shown)
                # Or somebody, such as rich or jupysql, has shown it in a way of their own.
                shows = "show_usage_error" if type(shown) is UsageError else "_showtraceback"
                if shows in vars(self):
                    cell.error = error_content(type(shown), shown, lines)
                else:
                    self._showtraceback(type(shown), shown, lines)
            cell.failed = value

    def is_left_to_others(self, error: BaseException) -> bool:
        """Whether IPython gives an error of a cell to somebody else instead of to `showtraceback`: to the handler that
        `set_custom_exc` names, or to the function that an extension such as rich has put in the place of
        `showsyntaxerror`."""
        return isinstance(error, self.custom_exceptions) or (
            isinstance(error, SyntaxError) and "showsyntaxerror" in vars(self)
        )

    def show_usage_error(self, exc: BaseException) -> None:
        """Publish a wrong use of a magic as an `error` of one line."""
        lines = [f"UsageError: {exc}"]
        # and not rich's function in its place, which shows frames
        type(self)._showtraceback(self, UsageError, exc, lines)

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        content = error_content(etype, evalue, stb)
        cell = current_cell()
        if cell is not None:
            cell.error, cell.failed = content, evalue
            cell.unshowable |= cell.formatting
        request = find_request()
        if request is not None:
            request.publish("error", content)
        else:
            super()._showtraceback(etype, evalue, stb)

    def _format_exception_for_storage(self, exception: BaseException, *args: Any, **kwargs: Any) -> Content:
        """The text of an error for the history: as it was shown, not rendered a second time."""
        cell = current_cell()
        if cell is not None and cell.failed is exception and cell.error is not None:
            return cell.error
        return error_content(type(exception), exception, plain_traceback(exception))

    # -- methods that libraries written for ipykernel call
    # -------------------------------------------------------------------

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """The request that the calling context works on, as a message: `{"header": {"msg_id": ...}, ...}`; for the
        channel "control" the one that came there last."""
        return parent_message(channel)

    @property
    def parent_header(self) -> dict[str, Any]:
        """The same, by the name that it has in ipykernel: there, only streams and displays have a mere header."""
        return self.get_parent()

    @parent_header.setter
    def parent_header(self, parent: Mapping[str, Any]) -> None:
        self.set_parent(parent)

    def set_thread_parent(self, parent: Mapping[str, Any]) -> Request | None:
        """As `set_parent`; returns a token for `reset_thread_parent`."""
        before = current_request()
        self.set_parent(parent)
        return before

    def reset_thread_parent(self, before: Request | None) -> None:
        """Let the calling thread go back to the cell that it had; when that has ended, to the latest cell, which is
        as a thread without a parent does in ipykernel."""
        adopt(None if before is None or before.ended else before)

    # -- the end ------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Store the history, for good: exit functions follow, one of which closes its file."""
        if self.history_manager is not None:
            self._delayed_save.close()
            self.history_manager.end_session()

    def close(self) -> None:
        """Store the history, stop its thread, remove temporary files and undo the shell's changes to the process."""
        self.save()
        if self._lent is not None:  # IPython clears the namespace at its end; this one is the program's
            for ours in self.user_ns_hidden.keys() - self._lent:
                self.user_ns.pop(ours, None)
            self._give_up_namespace()
        else:  # IPython would take the names away in any order
            if self.displayhook.do_full_cache:
                forget_results(self.displayhook, self.user_ns)
                self.displayhook.do_full_cache = False  # nothing is left, and a flush looks through all objects
            let_go(self.user_ns, self.user_module.__name__, self._give_up_namespace)
        try:
            self.atexit_operations()
        finally:
            leave(self)
            if getattr(sys.excepthook, "__self__", None) is self:
                sys.excepthook = sys.__excepthook__

    def _give_up_namespace(self) -> None:
        """Have an empty one instead, and give `__main__` back."""
        module = self.user_module
        name, previous = module.__name__, self._orig_sys_modules_main_mod
        emptied = ModuleType(name)
        self.user_module, self.user_ns = emptied, vars(emptied)
        self.ns_table = {**self.ns_table, "user_global": vars(emptied), "user_local": vars(emptied)}
        self.user_ns_hidden.clear()
        self.set_completer_frame()
        self.last_execution_result = None
        if sys.modules.get(name) is module:
            if previous is not None:
                sys.modules[name] = previous
            else:
                del sys.modules[name]


InteractiveShellABC.register(ZMQInteractiveShell)


def has_wrapped_run_cell(shell: ZMQInteractiveShell) -> bool:
    """Whether somebody has put a function of theirs in the place of `run_cell`, on the shell or its class, to see each
    cell run."""
    return getattr(shell.run_cell, "__func__", None) is not _RUN_CELL
