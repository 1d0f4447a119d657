"""`get_ipython().kernel.session`: messages sent with it are published for the cell; all else is a session of
jupyter_client's with the kernel's key, made when it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from async_kernel.kernel.parents import request_for
from async_kernel.kernel.request import find_request

__all__ = ["SessionFacade"]

_Message = Mapping[str, Any]


class SessionFacade:
    """Stands where ipykernel has its `jupyter_client.session.Session`."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._made: Any = None

    @property
    def session(self) -> str:
        """The id of the client's session whose request the calling context works on; empty outside any."""
        request = find_request()
        return request.message.header.session if request is not None else ""

    @property
    def username(self) -> str:
        """The client's user; empty outside any request."""
        request = find_request()
        return request.message.header.username if request is not None else ""

    def send(
        self,
        stream: Any,
        msg_or_type: str | _Message,
        content: Mapping[str, Any] | None = None,
        parent: _Message | None = None,
        ident: Any = None,
        buffers: Sequence[Any] | None = None,
        track: bool = False,
        header: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Any:
        """Publish a message, given by its type and content or as `msg` makes it, for the request `parent`, or the one
        that the calling context works on; the message. It goes to a socket instead if `stream` is one.
        """
        if stream is not None:
            return self._real.send(stream, msg_or_type, content, parent, ident, buffers, track, header, metadata)
        if isinstance(msg_or_type, str):
            message = self._real.msg(msg_or_type, content, parent, header, metadata)
        else:
            message, parent = dict(msg_or_type), parent or msg_or_type.get("parent_header")
            buffers = buffers or message.get("buffers")
        request = request_for(parent) if parent else find_request()
        if request is not None:
            msg_type = message["header"]["msg_type"]
            request.publish(msg_type, message["content"], message["metadata"], tuple(buffers or ()))
        return message

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    @property
    def _real(self) -> Any:
        if self._made is None:
            from jupyter_client.session import Session

            file = self._shell.connection_file
            info = json.loads(Path(file).read_text(encoding="utf-8")) if file else {}
            scheme = info.get("signature_scheme") or "hmac-sha256"
            self._made = Session(key=str(info.get("key", "")).encode(), signature_scheme=scheme)
        return self._made
