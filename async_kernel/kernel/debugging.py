"""debug_requests: served one after another in a thread of their own; each takes as long as what is being debugged."""

from __future__ import annotations

import queue
from contextlib import AbstractContextManager, nullcontext

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content
from async_kernel.system.service_thread import Standby

from .dispatch import refuse, serve_now
from .late_parts import LateParts
from .ports import Debugger
from .request import Request

__all__ = ["Debugging"]


class Debugging:
    """Gives debug_requests to the debugger, which is made when the first one comes and the parts of the kernel are
    there. All methods but `around_cell` may be called from any thread and return at once.
    """

    def __init__(self, parts: LateParts) -> None:
        self._parts = parts
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

    def around_cell(self, request: Request) -> AbstractContextManager[None]:
        """Have a cell that begins stop at its breakpoints (a `CellScope`)."""
        if self._debugger is not None:
            self._debugger.before_cell()
        return nullcontext()

    def close(self) -> None:
        """End debugging."""
        self._requests.put(None)
        if self._debugger is not None:
            self._debugger.close()

    def _serve(self) -> None:
        self._parts.ready.wait()
        while (request := self._requests.get()) is not None:
            serve_now(request, self._answer)

    def _answer(self, request: Request) -> Content:
        if self._debugger is None:
            make = self._parts.get().make_debugger
            if make is None:
                raise RequestError(
                    "This kernel has no debugger; its kernel_info says so.",
                    "To have one, install debugpy beside it: python -m pip install debugpy. Then restart the kernel.",
                )
            self._debugger = make()
        return self._debugger.request(request.content)
