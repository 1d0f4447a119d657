"""The debugger of a kernel, which is made when the first debug_request comes."""

from __future__ import annotations

from async_kernel.errors import RequestError
from async_kernel.protocol.messages import Content

from .late_parts import LateParts
from .ports import Debugger
from .request import Request

__all__ = ["Debugging"]


class Debugging:
    """All methods but `answer` and `around_cell` may be called from any thread and return at once."""

    def __init__(self, parts: LateParts) -> None:
        self._parts = parts
        self._debugger: Debugger | None = None

    def answer(self, content: Content) -> Content:
        """The reply to a debug_request. To be called one at a time; it may take as long as what is being debugged."""
        if self._debugger is None:
            make = self._parts.get().make_debugger
            if make is None:
                raise RequestError(
                    "This kernel has no debugger; its kernel_info says so.",
                    "To have one, install debugpy beside it: python -m pip install debugpy. Then restart the kernel.",
                )
            self._debugger = make()
        return self._debugger.request(content)

    def resume_stopped(self) -> None:
        """Let whatever is stopped go on: it is to be interrupted."""
        if self._debugger is not None:
            self._debugger.resume_stopped()

    def around_cell(self, request: Request) -> None:
        """Have a cell that begins stop at its breakpoints (a `CellScope`)."""
        if self._debugger is not None:
            self._debugger.before_cell()

    def close(self) -> None:
        """End debugging."""
        if self._debugger is not None:
            self._debugger.close()
