"""`IPythonInterpreter`: the kernel's `Interpreter` port on IPython."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from async_kernel.ipython.cells import Cell, running
from async_kernel.ipython.completion import complete, inspect, is_complete
from async_kernel.ipython.display import mime_bundle
from async_kernel.ipython.history import history
from async_kernel.ipython.profile import start_shell
from async_kernel.ipython.settings import set_attributes, shell_attributes
from async_kernel.ipython.shell import ZMQInteractiveShell
from async_kernel.ipython.tracebacks import error_content, interruption, plain_traceback
from async_kernel.kernel.request import Request, current_request
from async_kernel.protocol.messages import Content

__all__ = ["IPythonInterpreter"]


class IPythonInterpreter:
    """Runs cells with IPython. One serves a shell and its subshells: they share the namespace, each cell has its own
    number, payload and errors. `shell` is what `get_ipython()` gives."""

    def __init__(self, attributes: Mapping[str, Any] | None = None) -> None:
        self.shell: ZMQInteractiveShell = start_shell(attributes or {})

    @property
    def execution_count(self) -> int:
        """The number that the next stored execution gets: 1 in a fresh kernel."""
        return self.shell.execution_count

    @property
    def banner(self) -> str:
        """What a console shows when it connects."""
        return str(self.shell.banner)

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

        Awaits what the cell awaits, on the loop that is running: asyncio's, uvloop's or trio's. A cancellation that
        reaches the cell ends it and is shown as the error it is, or as KeyboardInterrupt when the request is
        `interrupted`. It does not come out of this method: a caller on asyncio has to `uncancel` its task when it is
        to live on (the lane does), and a caller whose scope is cancelled is told again at its next await.
        """
        request = current_request()
        store_history = store_history and not silent
        cell = self.shell.begin_cell(code, stored=store_history)
        if request is not None and not silent:
            request.publish("execute_input", {"code": code, "execution_count": cell.input_number})
        with running(cell):
            error = await self._run(code, cell, silent, store_history, cell_id, metadata or {})
            return self._reply(cell, error, request, user_expressions or {})

    async def _run(
        self, code: str, cell: Cell, silent: bool, store_history: bool, cell_id: str | None, metadata: Content
    ) -> BaseException | None:
        """Run the cell and show what it gives; return what made it fail, or None."""
        shell = self.shell
        failure: Any = None
        try:
            cell.code = shell.transform_cell(code)
        except (Exception, KeyboardInterrupt):
            cell.code, failure = code, sys.exc_info()
        options: dict[str, Any] = {"cell_id": cell_id}
        if _TAKES_CELL_META:
            options["cell_meta"] = metadata
        result = None
        error: BaseException | None
        try:
            result = await shell.run_cell_async(
                code,
                store_history=store_history,
                silent=silent,
                transformed_cell=cell.code,
                preprocessing_exc_tuple=failure,
                **options,
            )
            error = result.error_before_exec or result.error_in_exec
        except GeneratorExit:
            raise
        except BaseException as escaped:  # out of IPython's own code: what user code raises is in the result
            error = escaped
        if error is not None and cell.failed is not error:
            shell.showtraceback((type(error), error, error.__traceback__))
        shown, cell.failed = cell.error, None
        shell.events.trigger("post_execute")
        if not silent and result is not None:
            shell.events.trigger("post_run_cell", result)
        if error is None and isinstance(cell.failed, KeyboardInterrupt):
            return cell.failed  # callbacks were interrupted, matplotlib drawing a figure for one: so was the cell
        cell.error = shown
        return error

    def _reply(
        self, cell: Cell, error: BaseException | None, request: Request | None, expressions: dict[str, str]
    ) -> Content:
        reply: Content = {
            "status": "ok",
            "execution_count": cell.number,
            "user_expressions": {},
            "payload": cell.payload,
        }
        if error is not None:
            shown = (interruption(error) if request is not None and request.interrupted else None) or error
            reply |= cell.error or error_content(type(shown), shown, plain_traceback(shown))
            reply["status"] = "error"
        elif cell.unshowable and cell.error is not None:
            reply |= cell.error
            reply["status"] = "error"
        else:
            values = self.shell.user_expressions(expressions) if expressions else {}
            reply["user_expressions"] = {name: _expression(value) for name, value in values.items()}
        reply["payload"] = cell.payload
        return reply

    def complete(self, code: str, cursor_pos: int) -> Content:
        """Completions at `cursor_pos` (code points): the content of a complete_reply."""
        return complete(self.shell, code, cursor_pos)

    def inspect(self, code: str, cursor_pos: int, detail_level: int = 0) -> Content:
        """What is known of the name at `cursor_pos`: the content of an inspect_reply."""
        return inspect(self.shell, code, cursor_pos, detail_level)

    def is_complete(self, code: str) -> Content:
        """Whether a console should run `code` or ask for more lines: the content of an is_complete_reply."""
        return is_complete(self.shell, code)

    def history(self, content: Content) -> Content:
        """Past input, as the content of a history_request says: the content of a history_reply."""
        return history(self.shell.history_manager, content)

    def configure(self, attributes: dict[str, Any]) -> None:
        """Set attributes of the shell, for example `{"timeout": 0.1}` or `{"shell.timeout": 0.1}`; dots reach deeper.

        What only counts while the shell is made (`xmode`, the history file) belongs to the constructor instead.
        Raises UsageError for a name that the shell does not have, with the nearest one that it has, and for a value
        that it does not take.
        """
        set_attributes(self.shell, shell_attributes(attributes))

    def close(self, restart: bool) -> None:
        """Store the history, stop its thread, remove temporary files, give back `__main__` and the hooks of `sys`."""
        self.shell.close()


def _expression(value: Content) -> Content:
    if "data" in value:
        return value | {"data": mime_bundle(value["data"])}
    return value


def _takes_cell_meta() -> bool:
    import inspect as signatures

    return "cell_meta" in signatures.signature(ZMQInteractiveShell.run_cell_async).parameters


_TAKES_CELL_META = _takes_cell_meta()  # IPython's later versions pass the request's metadata on to extensions
