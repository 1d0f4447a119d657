"""`get_ipython().kernel`: the few attributes that libraries written for ipykernel touch, and nothing else.

ipywidgets' `Output` asks for `get_parent()`, older ones for `_parent_header` and `comm_manager`; dashboards and
notebook helpers use `session`, `send_response` and `shell`. Knows no sockets: messages go through requests.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from async_kernel.kernel.parents import speak_for
from async_kernel.kernel.request import Request, find_request

if TYPE_CHECKING:
    from async_kernel.ipython.shell import ZMQInteractiveShell

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


class SessionFacade:
    """The `session` of the facade: sends by publishing, and knows the client's session id."""

    username = ""

    @property
    def session(self) -> str:
        """The id of the client's session whose request the calling context works on; empty outside any."""
        request = find_request()
        return request.message.header.session if request is not None else ""

    def send(
        self, stream: Any, msg_or_type: str, content: dict[str, Any] | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Publish a message; `stream` and what else belongs to sockets is ignored."""
        request = find_request()
        if request is not None:
            request.publish(msg_or_type, content or {}, kwargs.get("metadata"), kwargs.get("buffers") or ())


class KernelFacade:
    """Stands where ipykernel has its kernel object."""

    iopub_socket = None
    iopub_thread = None
    eventloop = None

    def __init__(self, shell: ZMQInteractiveShell) -> None:
        self.shell = shell
        self.session = SessionFacade()
        self.log = logging.getLogger("async_kernel")

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
        return self.shell.execution_count

    def get_parent(self, channel: str | None = None) -> dict[str, Any]:
        """The request that the calling context works on, as a message; for the channel "control" the one that came
        there last."""
        return parent_message(channel)

    def set_parent(self, ident: Any, parent: Mapping[str, Any], channel: str = "shell") -> None:
        """Let what the calling context prints and displays from now on belong to `parent`: see `speak_for`."""
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
