"""The kernel's own status, as clients tell it from those of its requests.

A status belongs to a request, but clients show the latest one as the kernel's, and servers decide by it which kernels
nobody needs any more. So when something beside a cell was said to be idle (a completion, a widget's message, what a
page asks that is loaded anew), the cell that still runs is said to be busy once more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from async_kernel.protocol.messages import Content, Message

__all__ = ["Statuses"]


class Statuses:
    """Publishes the statuses of all requests of a kernel, in one order. Callable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal handler or `__del__` may have something served, too
        self._cells: dict[bytes, Message] = {}  # that were said to be busy, by their headers, oldest first

    def runs(self, parent: Message) -> bool:
        """Whether a cell was said to be busy, and not yet to be idle."""
        return parent.header_frame in self._cells

    def publish(self, parent: Message, content: Content, say: Callable[[Message, Content], None]) -> None:
        """Have `say` publish a status of a request, for example `{"execution_state": "idle"}`, and the one of the
        latest cell that still runs, if any, after that."""
        is_busy = content["execution_state"] == "busy"
        with self._lock:
            if is_busy and parent.header.msg_type == "execute_request":
                self._cells[parent.header_frame] = parent
            elif not is_busy:
                self._cells.pop(parent.header_frame, None)
            say(parent, content)
            if not is_busy and self._cells:
                say(next(reversed(self._cells.values())), {"execution_state": "busy"})
