"""Frames of the calling thread that are traced for a moment, and the instruction that a frame stands at.

Nothing is traced beside a debugger: it has the one trace function of the thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from opcode import opmap
from types import FrameType
from typing import Any

__all__ = ["CLEAN_UP", "IMPORT_FROM", "Tracing", "is_traced", "stands_at", "trace_calls"]

Trace = Callable[[FrameType, str, Any], Any]

CLEAN_UP = {opmap[name] for name in ("CLEANUP_THROW", "WITH_EXCEPT_START") if name in opmap}
"""Instructions by which a frame is left, as opposed to handlers that catch: of `await`, since 3.12, and `with`."""

IMPORT_FROM = {opmap["IMPORT_FROM"]}
"""The instruction of `from ... import ...` that takes a name out of the module."""


def is_traced() -> bool:
    """Whether a debugger, or other code, traces the calling thread."""
    return sys.gettrace() not in (None, _trace_nothing)


class Tracing:
    """Frames of the calling thread that are traced until `stop`; no frame that is entered meanwhile is."""

    def __init__(self) -> None:
        self._frames: list[FrameType] = []

    def start(self, frames: Iterable[FrameType], trace: Trace, each_instruction: bool = False) -> None:
        """Have `trace` called with the events of `frames`."""
        for frame in frames:
            frame.f_trace, frame.f_trace_opcodes = trace, each_instruction
            self._frames.append(frame)
        sys.settrace(_trace_nothing)

    def stop(self) -> None:
        """End it."""
        sys.settrace(None)
        while self._frames:
            frame = self._frames.pop()
            frame.f_trace, frame.f_trace_opcodes = None, False


def _trace_nothing(frame: FrameType, event: str, arg: object) -> None:
    """The trace function of frames in which nothing is waited for."""


def trace_calls(trace: Trace | None) -> None:
    """Have `trace` called for each frame that the calling thread enters, or goes on in; None: no more."""
    sys.settrace(trace)


def stands_at(frame: FrameType, instructions: set[int], ahead: int = 0) -> bool:
    """Whether the instruction that `frame` stands at, or one of the next `ahead`, is among `instructions`."""
    at = frame.f_lasti
    return at >= 0 and not instructions.isdisjoint(frame.f_code.co_code[at : at + 2 * ahead + 1 : 2])
