"""Keeping back the output of the calling context, while other cells go on writing.

IPython's `capture_output` exchanges `sys.stdout` for all. Here the request of the context is exchanged, so that it
holds over awaits, and for tasks and threads that the context starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any, NamedTuple

from async_kernel.kernel.request import Request, find_request, serving
from async_kernel.protocol.messages import Buffer, Content

__all__ = ["Captured", "capturing"]


class Captured(NamedTuple):
    """The output kept back; None for streams that were let through. The arguments of IPython's `CapturedIO`."""

    stdout: StringIO | None
    stderr: StringIO | None
    outputs: list[dict[str, Any]] | None


@contextmanager
def capturing(stdout: bool, stderr: bool, display: bool) -> Iterator[Captured]:
    """Keep back the output of the calling context, and of tasks and threads that it starts, as far as the arguments
    say."""
    captured = Captured(StringIO() if stdout else None, StringIO() if stderr else None, [] if display else None)
    request = find_request()
    if request is None:
        raise RuntimeError("There is no request whose output could be captured.")
    with serving(_CapturedRequest(request, captured)):
        yield captured


class _CapturedRequest(Request):
    """A request that keeps its output back. All else is that of the request behind it: attributes that are not set
    here are looked up there, so that an interrupt of the one is one of the other."""

    __slots__ = ("_behind", "_captured")

    def __init__(self, behind: Request, captured: Captured) -> None:
        self._behind = behind
        self._captured = captured

    def __getattr__(self, name: str) -> Any:
        return getattr(self._behind, name)

    def heir(self, *, serves: bool) -> Request:
        """That of the request behind it, for a writer that works for others: output of later cells is not kept back."""
        return self._behind.heir(serves=True) if serves else self

    def writer(self, name: str) -> Callable[[str], object]:
        """Keeps text, or passes it on."""
        kept = self._captured.stderr if name == "stderr" else self._captured.stdout
        return self._behind.writer(name) if kept is None else kept.write

    def publish(
        self,
        msg_type: str,
        content: Content,
        metadata: Content | None = None,
        buffers: Sequence[Buffer] = (),
        topic: bytes = b"",
    ) -> None:
        """Keep results and displays, or pass them on; errors and all else are passed on."""
        outputs = self._captured.outputs
        if outputs is None or msg_type not in _KINDS:
            self._behind.publish(msg_type, content, metadata, buffers, topic)
        elif msg_type != "clear_output":
            output = {"data": content["data"], "metadata": content["metadata"]}
            if msg_type != "execute_result":
                output |= {"transient": content["transient"], "update": msg_type == "update_display_data"}
            outputs.append(output)


_KINDS = frozenset({"execute_result", "display_data", "update_display_data", "clear_output"})
