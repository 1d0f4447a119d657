"""Results and rich display, said through the request of the calling context.

Knows no sockets: `find_request()` gives the request, which has `publish`.
"""

from __future__ import annotations

import logging
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.payload import PayloadManager

from async_kernel.ipython.cells import current_cell
from async_kernel.kernel.parents import NamesParents
from async_kernel.kernel.request import Request, find_request
from async_kernel.protocol.messages import Buffer, Content
from async_kernel.stacks import calls_checkpoint

__all__ = ["CellPayloads", "KernelDisplayHook", "KernelDisplayPublisher", "MessageHook", "mime_bundle"]

MessageHook = Callable[[dict[str, Any]], "dict[str, Any] | None"]
"""Sees a display message before it goes out; returns it (changed or not), or None to keep it back."""

_log = logging.getLogger(__name__)


def mime_bundle(data: Mapping[str, Any] | None) -> Content:
    """`data` with binary values as base64 text (messaging spec, "display_data"); the codec makes the rest fit for JSON.

    For example `{"image/png": b"\\x89PNG"}` gives `{"image/png": "iVBORw=="}`.
    """
    return {
        mime: b64encode(value).decode() if isinstance(value, bytes) else value for mime, value in (data or {}).items()
    }


class KernelDisplayHook(NamesParents, DisplayHook):
    """`sys.displayhook` while a cell runs: publishes `execute_result`."""

    @property
    def prompt_count(self) -> int:
        """The number of the cell that the calling context runs, whatever cell another lane has begun since."""
        cell = current_cell()
        return cell.number if cell is not None else self.shell.execution_count - 1

    def quiet(self) -> bool:
        """Whether the cell ends in a semicolon; unlike IPython's own also right for cells outside the history."""
        cell = current_cell()
        if cell is None:
            return bool(super().quiet())
        return ";" in cell.code and bool(self.semicolon_at_end_of_expression(cell.code))

    def write_output_prompt(self) -> None:
        """Nothing: the front end draws the prompt."""

    def compute_format_data(self, result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The formats of `result`; marks the cell when they cannot be had, since then it has no result to show."""
        cell = current_cell()
        if cell is None:
            return super().compute_format_data(result)
        cell.formatting = True
        try:
            return super().compute_format_data(result)
        except BaseException:
            self._is_active = False  # finish_displayhook() will not come
            raise
        finally:
            cell.formatting = False

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        """Publish the result."""
        request = find_request()
        if request is not None:
            content = {
                "execution_count": self.prompt_count,
                "data": mime_bundle(format_dict),
                "metadata": md_dict or {},
            }
            request.publish("execute_result", content)

    def log_output(self, format_dict: dict[str, Any]) -> None:
        """Keep the result, for `%notebook` in the form in which it was published: bytes are no JSON."""
        super().log_output(mime_bundle(format_dict))

    def finish_displayhook(self) -> None:
        """Nothing to flush: the request keeps order."""
        self._is_active = False


class KernelDisplayPublisher(NamesParents, DisplayPublisher):
    """The publisher of `display()`, `update_display()` and `clear_output()`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._local = threading.local()
        super().__init__(*args, **kwargs)

    pub_socket = None
    """In the place of ipykernel's socket: `session.send(pub_socket, …)` publishes for the cell."""

    @property
    def session(self) -> Any:
        """The session of `get_ipython().kernel`. jupyter_client shows the output of `client.execute_interactive()` in
        a cell by it."""
        return self.shell.kernel.session

    @property
    def _hooks(self) -> list[MessageHook]:
        hooks: list[MessageHook] | None = getattr(self._local, "hooks", None)
        if hooks is None:
            hooks = self._local.hooks = []
        return hooks

    def register_hook(self, hook: MessageHook) -> None:
        """Let `hook` see every message that this thread displays from now on, the latest registered first."""
        self._hooks.append(hook)

    def unregister_hook(self, hook: MessageHook) -> bool:
        """Take back a hook of this thread; False when it was not registered."""
        try:
            self._hooks.remove(hook)
        except ValueError:
            return False
        return True

    @calls_checkpoint
    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        *args: Any,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        buffers: Sequence[Buffer] = (),
        **kwargs: Any,
    ) -> None:
        """Publish `display_data`, or `update_display_data` when `update` is set.

        Further arguments of libraries (`source`, for one) are ignored. IPython's own keeps all data for `%notebook`;
        here the `transcript` does, within its bounds.
        """
        content = {
            "data": mime_bundle(data),
            "metadata": metadata or {},
            "transient": transient or {},
        }
        request = self._send("update_display_data" if update else "display_data", content, buffers)
        if request is not None and request.checkpoint is not None:
            request.checkpoint()

    def clear_output(self, wait: bool = False) -> None:
        """Clear the output of the current cell, at the next output when `wait` is set."""
        self._send("clear_output", {"wait": bool(wait)}, ())

    def _send(self, msg_type: str, content: Content, buffers: Sequence[Buffer]) -> Request | None:
        """Publish for the current request, and return that."""
        request = find_request()
        if request is None:
            _log.debug("%s outside any request: nobody to show it to", msg_type)
            return None
        metadata: Content = {}
        if self._hooks:
            message: dict[str, Any] = {
                "header": {"msg_type": msg_type},
                "msg_type": msg_type,
                "parent_header": request.message.header._asdict(),
                "metadata": metadata,
                "content": content,
                "buffers": list(buffers),
            }
            for hook in reversed(self._hooks):
                kept = hook(message)
                if kept is None:
                    return request
                message = kept
            content, metadata, buffers = message["content"], message["metadata"], message.get("buffers", ())
        request.publish(msg_type, content, metadata, buffers)
        return request


class CellPayloads(PayloadManager):
    """The payload of the current cell's reply (messaging spec, "Payloads"), where IPython has one for all."""

    @property
    def _payload(self) -> list[dict[str, Any]]:
        cell = current_cell()
        return cell.payload if cell is not None else []

    @_payload.setter
    def _payload(self, payload: list[dict[str, Any]]) -> None:
        cell = current_cell()
        if cell is not None:
            cell.payload = payload
