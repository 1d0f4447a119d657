"""`IPythonInterpreter`: the kernel's `Interpreter` port on IPython."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from async_kernel.ipython.autoawait import awaits
from async_kernel.ipython.cells import Cell, running
from async_kernel.ipython.completion import complete, inspect, is_complete
from async_kernel.ipython.debuggee import Debuggee
from async_kernel.ipython.display import mime_bundle
from async_kernel.ipython.entries import mark_entries
from async_kernel.ipython.history import history
from async_kernel.ipython.preparation import Preparation
from async_kernel.ipython.profile import start_shell
from async_kernel.ipython.shell import ZMQInteractiveShell, has_wrapped_run_cell
from async_kernel.ipython.tracebacks import error_content, plain_traceback
from async_kernel.ipython.transcript import CellRecord
from async_kernel.kernel.place import Place
from async_kernel.kernel.request import current_request
from async_kernel.protocol.messages import Content
from async_kernel.system.service_thread import Later, later

if TYPE_CHECKING:
    from async_kernel.ipython.asking_jedi import JediWarmth

__all__ = ["IPythonInterpreter"]


class IPythonInterpreter:
    """Runs cells with IPython. One serves a shell and its subshells: they share the namespace, each cell has its own
    number, payload and errors. `shell` is `get_ipython()`."""

    def __init__(
        self,
        attributes: Mapping[str, Any] | None = None,
        namespace: dict[str, Any] | None = None,
        later: Later = later,
    ) -> None:
        self.shell: ZMQInteractiveShell = start_shell(attributes or {}, namespace)
        self._preparation = Preparation(later)
        self._warmth: JediWarmth | None = None
        mark_entries()

    @property
    def execution_count(self) -> int:
        """The number that the next stored execution gets: 1 in a fresh kernel."""
        return self.shell.execution_count

    @property
    def timeout(self) -> float:
        """The deadline of cells whose requests bring none of their own: `get_ipython().timeout`; 0 means none."""
        return float(self.shell.timeout)

    @property
    def banner(self) -> str:
        """The text that a console shows when it connects."""
        return str(self.shell.banner)

    @property
    def debuggee(self) -> Debuggee:
        """The variables and cells, as a debugger sees them."""
        return Debuggee(self.shell)

    async def execute(
        self,
        code: str,
        *,
        silent: bool = False,
        store_history: bool = True,
        user_expressions: dict[str, str] | None = None,
        cell_id: str | None = None,
        metadata: Content | None = None,
    ) -> Content:
        """Run one cell in the calling task; return the content of its execute_reply (messaging spec, "Execute").

        The awaits of the cell happen on the loop that is running: asyncio's, uvloop's or trio's. A cancellation that
        reaches the cell ends it and is shown as the error it is, or as KeyboardInterrupt when the request is
        `interrupted`. It does not come out of this method: a caller on asyncio has to `uncancel` its task when it is
        to live on (the lane does), and a caller whose scope is cancelled is told again at its next await.
        """
        request = current_request()
        store_history = store_history and not silent
        cell = self.shell.begin_cell(code, stored=store_history)
        if request is not None and not cell.counted:
            request.record = CellRecord(self.shell.transcript, cell.number)
        if request is not None and not silent:
            request.publish("execute_input", {"code": code, "execution_count": cell.input_number})
        with running(cell):
            failure, result = await self._run(code, cell, silent, store_history, cell_id, metadata or {})
            failure = self._after(cell, failure, None if silent else result)
            values: dict[str, Content] = {}
            if failure is None:
                failure, values = self._evaluate(cell, user_expressions or {})
            reply: Content = {"status": "ok"} if failure is None else {**failure, "status": "error"}
            return reply | {"execution_count": cell.number, "user_expressions": values, "payload": cell.payload}

    async def _run(
        self, code: str, cell: Cell, silent: bool, store_history: bool, cell_id: str | None, metadata: Content
    ) -> tuple[Content | None, Any]:
        """Run the cell and show its result. Return the error that it has shown, or None, and IPython's result."""
        shell = self.shell
        rejected: Any = None
        try:
            cell.code = shell.transform_cell(code)
        except (Exception, KeyboardInterrupt):
            cell.code, rejected = code, sys.exc_info()
        options: dict[str, Any] = {"cell_id": cell_id}
        if _TAKES_CELL_META:
            options["cell_meta"] = metadata
        try:
            if rejected is None and has_wrapped_run_cell(shell) and not awaits(shell, cell.code):
                cell.fired = True
                result = shell.run_cell(code, store_history=store_history, silent=silent, **options)
            else:
                result = await shell.run_cell_async(
                    code,
                    store_history=store_history,
                    silent=silent,
                    transformed_cell=cell.code,
                    preprocessing_exc_tuple=rejected,
                    **options,
                )
        except GeneratorExit:
            raise
        except BaseException as escaped:  # an interrupt between two pieces of user code; the rest is in the result
            return self._show(cell, escaped), None
        if result is None:  # from a wrapper that gives nothing back
            return cell.error, None
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            if shell.is_left_to_others(error):
                cell.failed = error
            return self._show(cell, error), result
        return cell.error if cell.unshowable else None, result

    def _after(self, cell: Cell, failure: Content | None, result: Any) -> Content | None:
        """Fire the events at the end of a cell, unless `run_cell` did. Return its failure: the error, or that the
        callbacks were interrupted (matplotlib draws in one)."""
        cell.failed = None
        if cell.fired:
            return failure
        try:
            self.shell.events.trigger("post_execute")
            if result is not None:
                self.shell.events.trigger("post_run_cell", result)
        except BaseException as escaped:
            return failure or self._show(cell, escaped)
        return failure

    def _evaluate(self, cell: Cell, expressions: dict[str, str]) -> tuple[Content | None, dict[str, Content]]:
        """The values of the user_expressions, unless an interrupt ends that: then the error that was shown."""
        if not expressions:
            return None, {}
        try:
            values = self.shell.user_expressions(expressions)
        except BaseException as escaped:
            return self._show(cell, escaped), {}
        return None, {name: _expression(value) for name, value in values.items()}

    def _show(self, cell: Cell, error: BaseException) -> Content:
        """Show `error`, unless that was done already; return its content."""
        if cell.failed is not error:
            self.shell.showtraceback((type(error), error, error.__traceback__))
        return cell.error or error_content(type(error), error, plain_traceback(error))

    def complete(self, code: str, cursor_pos: int, place: Place = Place.IN_TURN) -> Content:
        """Completions at `cursor_pos` (code points): the content of a complete_reply."""
        if place is Place.IN_TURN and self._warmth is None:  # here, since many kernels never complete anything
            from async_kernel.ipython.asking_jedi import JediWarmth, look_at_values_first

            self._warmth = JediWarmth()
            look_at_values_first(self.shell.Completer, self._warmth.begin)
        return complete(self.shell, code, cursor_pos, place)

    def inspect(self, code: str, cursor_pos: int, detail_level: int = 0, place: Place = Place.IN_TURN) -> Content:
        """The description of the name at `cursor_pos`: the content of an inspect_reply."""
        return inspect(self.shell, code, cursor_pos, detail_level, place)

    def is_complete(self, code: str, place: Place = Place.IN_TURN) -> Content:
        """Whether a console should run `code` or ask for more lines: the content of an is_complete_reply."""
        return is_complete(self.shell, code, place)

    def history(self, content: Content) -> Content:
        """Past input, as the content of a history_request says: the content of a history_reply."""
        return history(self.shell.history_manager, content)

    def fire(self, event: str) -> None:
        """Fire "pre_execute" or "post_execute" of IPython."""
        self.shell.events.trigger(event)

    def save(self) -> None:
        """Store the history."""
        self.shell.save()

    def close(self, restart: bool) -> None:
        """Store the history, stop its thread, remove temporary files, give back `__main__` and the hooks of `sys`."""
        self._preparation.close()
        if self._warmth is not None:
            self._warmth.close()
        self.shell.close()


def _expression(value: Content) -> Content:
    if "data" in value:
        return value | {"data": mime_bundle(value["data"])}
    return value


def _takes_cell_meta() -> bool:
    import inspect as signatures

    return "cell_meta" in signatures.signature(InteractiveShell.run_cell_async).parameters


_TAKES_CELL_META = _takes_cell_meta()  # IPython's later versions pass the request's metadata on to extensions
