"""`get_ipython().kernel`: the attributes that libraries written for ipykernel touch, and nothing else.

ipywidgets' `Output` asks for `get_parent()`, older ones for `_parent_header` and `comm_manager`; dashboards and
notebook helpers use `session`, `send_response`, `io_loop` and `shell`, notebooks `do_shutdown`. Knows no sockets:
messages go through requests. The inside of ipykernel is left out: its queues, streams and threads (`msg_queue`,
`shell_streams`). Libraries that look for it find that it is not there, as in each other version of ipykernel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from async_kernel.errors import AsyncKernelError
from async_kernel.ipython.completion import complete, inspect, is_complete
from async_kernel.ipython.history import history
from async_kernel.ipython.io_loop import LoopFacade
from async_kernel.ipython.session import SessionFacade
from async_kernel.kernel.info import kernel_info
from async_kernel.kernel.parents import speak_for
from async_kernel.kernel.request import Request, find_request

__all__ = ["KernelFacade", "end_kernel", "parent_message"]


def parent_message(channel: str | None = None) -> dict[str, Any]:
    """The message that the calling context works on, as a dict; for the channel "control" the one that came there last.
    Empty where there is none."""
    request = _parent(channel)
    return {} if request is None else request.as_dict()


def _parent(channel: str | None) -> Request | None:
    request = find_request()
    return request if request is None or channel != "control" else request.latest.get(channel)


def end_kernel(*, restart: bool) -> None:
    """End the kernel when no cell runs any more, as the calling context asks for; outside any cell nothing happens."""
    request = find_request()
    if request is not None:
        request.end_kernel(restart)


async def _execute_request(stream: Any, ident: Any, parent: Mapping[str, Any]) -> None:
    raise AsyncKernelError(
        "Requests come to the shell by themselves here.", "Use `get_ipython().run_cell_async(code)` to run code."
    )


class KernelFacade:
    """Stands where ipykernel has its kernel object."""

    iopub_socket = None
    iopub_thread = None
    shell_stream = None
    control_stream = None
    eventloop = None

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.session = SessionFacade(shell)
        self.io_loop = LoopFacade()
        self.log = logging.getLogger("async_kernel")
        self.shell_handlers: dict[str, Callable[..., Any]] = {"execute_request": _execute_request}
        """A place for the handlers of libraries that hold cells back while they poll (jupyter_ui_poll,
        ipython_blocking). They are not called: cells wait for their turn while one polls."""

    @property
    def comm_manager(self) -> Any:
        """The process's comm manager, as the `comm` package has it."""
        import comm

        return comm.get_comm_manager()

    @property
    def config(self) -> Any:
        """The configuration, with the section `IPKernelApp`: `{"IPKernelApp": {"connection_file": …}}`."""
        return self.shell.config

    @property
    def parent(self) -> Any:
        """The application that made the shell."""
        return self.shell.parent

    @property
    def user_ns(self) -> dict[str, Any]:
        """The namespace of the cells."""
        namespace: dict[str, Any] = self.shell.user_ns
        return namespace

    @property
    def execution_count(self) -> int:
        """The number of the next stored cell."""
        count: int = self.shell.execution_count
        return count

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """The request that the calling context works on, as a message; for the channel "control" the one that came
        there last."""
        return parent_message(channel)

    def set_parent(self, ident: Any, parent: Mapping[str, Any], channel: str = "shell") -> None:
        """Let the output of the calling context from now on belong to `parent`: see `speak_for`."""
        speak_for(parent)

    @property
    def _parent_ident(self) -> dict[str, list[bytes]]:
        """Who sent these: the ZMQ identities, by channel."""
        parents = {channel: _parent(channel) for channel in ("shell", "control")}
        return {
            channel: [] if parent is None else list(parent.message.identities) for channel, parent in parents.items()
        }

    @property
    def _parent_header(self) -> dict[str, Any]:
        return self.get_parent()  # libraries know it as the whole request, by its old name

    def send_response(
        self, stream: Any, msg_or_type: str, content: dict[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Publish a message for the request that the calling context works on."""
        self.session.send(stream, msg_or_type, content, *args, **kwargs)

    def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End the kernel when no cell runs any more; the content of a shutdown_reply. A Jupyter server starts a kernel
        that has ended anew, whatever `restart` says.
        """
        end_kernel(restart=bool(restart))
        return {"status": "ok", "restart": restart}

    @property
    def kernel_info(self) -> dict[str, Any]:
        """The kernel's description of itself: the content of a kernel_info_reply."""
        return {**kernel_info(), "banner": self.shell.banner}

    def __getattr__(self, name: str) -> Any:
        """The fields of `kernel_info` that ipykernel's kernel has as attributes, for example `language_info`."""
        if name not in ("implementation", "implementation_version", "language_info", "banner", "help_links"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        return self.kernel_info[name]

    def do_complete(self, code: str, cursor_pos: int | None = None) -> dict[str, Any]:
        """Completions: the content of a complete_reply."""
        return complete(self.shell, code, len(code) if cursor_pos is None else cursor_pos)

    def do_inspect(
        self, code: str, cursor_pos: int | None = None, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        """The description of a name: the content of an inspect_reply."""
        return inspect(self.shell, code, len(code) if cursor_pos is None else cursor_pos, detail_level)

    def do_is_complete(self, code: str) -> dict[str, Any]:
        """Whether more lines are to be typed: the content of an is_complete_reply."""
        return is_complete(self.shell, code)

    def do_history(self, hist_access_type: str, output: bool, raw: bool, **which: Any) -> dict[str, Any]:
        """Past input: the content of a history_reply. `which` are the other fields of a history_request."""
        asked = {"hist_access_type": hist_access_type, "output": output, "raw": raw}
        given = {name: value for name, value in which.items() if value is not None}
        return history(self.shell.history_manager, asked | given)

    def raw_input(self, prompt: str = "") -> str:
        """Ask the front end for a line, as `input` does."""
        return input(prompt)

    def getpass(self, prompt: str = "", stream: Any = None) -> str:
        """Ask the front end for a password."""
        import getpass

        return getpass.getpass(prompt)

    async def do_one_iteration(self) -> None:
        """Let the loop run its waiting callbacks. Messages for widgets need no such help here: they are served beside
        the cell."""
        import anyio.lowlevel

        await anyio.lowlevel.checkpoint()

    def pre_handler_hook(self) -> None:
        """Nothing. In ipykernel it takes SIGINT, and libraries replace it to run in other threads."""

    def post_handler_hook(self) -> None:
        """Nothing, as `pre_handler_hook`."""
