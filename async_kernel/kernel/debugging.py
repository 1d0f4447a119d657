"""debug_requests: served one after another in a thread of their own; each takes as long as what is being debugged."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.service_thread import Standby

from .dispatch import refuse, serve_now
from .ports import Debugger
from .request import Request

__all__ = ["Debugging"]


class Debugging:
    """Gives debug_requests to the debugger, which is made when the first one comes and `ready` is set.

    `make()` makes it; while it is None there is no debugger. All methods but `before_cell` may be called from any
    thread and return at once.
    """

    def __init__(self, ready: threading.Event) -> None:
        self.make: Callable[[], Debugger] | None = None
        self._ready = ready
        self._debugger: Debugger | None = None
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._standby = Standby("debug requests", self._serve)

    def put(self, request: Request) -> None:
        """Have a request served."""
        if self._standby.wake():
            self._requests.put(request)
        else:
            refuse(
                request, RequestError("No thread can be started for the debugger.", "End some threads or processes.")
            )

    def let_go(self) -> None:
        """Let what is stopped go on: it is to be interrupted."""
        if self._debugger is not None:
            self._debugger.let_go()

    def before_cell(self) -> None:
        """Have a cell that begins stop at its breakpoints. Called in its thread."""
        if self._debugger is not None:
            self._debugger.before_cell()

    def close(self) -> None:
        """End debugging."""
        self._requests.put(None)
        if self._debugger is not None:
            self._debugger.close()

    def _serve(self) -> None:
        self._ready.wait()
        while (request := self._requests.get()) is not None:
            serve_now(request, self._answer)

    def _answer(self, request: Request) -> Content:
        if self._debugger is None:
            if self.make is None:
                raise RequestError(
                    "This kernel has no debugger; its kernel_info says so.",
                    "To have one, install debugpy beside it: python -m pip install debugpy. Then restart the kernel.",
                )
            self._debugger = self.make()
        return self._debugger.request(request.content)
