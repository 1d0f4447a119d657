"""The output of cells, kept for `%notebook` where IPython looks for it: `history_manager.outputs`.

IPython itself keeps printed text by exchanging `sys.stdout.write` while a cell runs. That is right for one cell at a
time; here cells overlap, so the output of each request is kept. IPython keeps results and errors. Knows neither
sockets nor streams.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from IPython.core.history import HistoryOutput

from async_kernel.protocol.messages import Content

__all__ = ["KEPT_CHARACTERS", "KEPT_OUTPUTS", "CellRecord", "Transcript"]

KEPT_CHARACTERS = 1 << 24
"""How much of the latest output is kept, in characters of text and of data."""

KEPT_OUTPUTS = 1000
"""How many outputs are kept: displays, and texts of one stream with nothing between them."""

_OPEN = "latest"
_TYPES = {"stdout": "out_stream", "stderr": "err_stream"}


PIECE_CHARACTERS = 60
"""Bytes of overhead counted for each piece of text."""


class _Kept:
    """One output that is kept; `number` is that of its cell and `size` that of its data."""

    __slots__ = ("display_id", "is_kept", "number", "output", "size")

    def __init__(self, number: int, output: Any, size: int = 0, display_id: str = "") -> None:
        self.number = number
        self.output = output
        self.size = size
        self.display_id = display_id
        self.is_kept = True


class Transcript:
    """The latest output of the stored cells of one shell, whose history manager is `manager`."""

    def __init__(self, manager: Any) -> None:
        self._manager = manager
        self._lock = threading.RLock()  # reentrant: a signal handler or `__del__` may print
        self._kept: deque[_Kept] = deque()
        self._by_display_id: dict[str, _Kept] = {}
        self._size = 0
        self._open: _Kept | None = None  # the latest text, to which more may be appended

    def add_text(self, number: int, name: str, pieces: list[str]) -> None:
        """Keep text of a cell. `pieces` may grow until the next text of any cell is added."""
        with self._lock:
            self._close_text()
            outputs = self._manager.outputs.get(number)
            kept = self._kept[-1] if self._kept else None
            if kept is None or not outputs or outputs[-1] is not kept.output or kept.output.output_type != _TYPES[name]:
                # IPython puts together all lists that it finds in the bundle. It ends each output with a line end, so
                # text that was sent as several messages has to be one output.
                kept = _Kept(number, HistoryOutput(output_type=_TYPES[name], bundle={"stream": []}))
                self._add(kept)
            kept.output.bundle[_OPEN] = pieces
            self._open = kept

    def _close_text(self) -> None:
        """Count the latest text: as the next has begun, nothing is appended to it any more."""
        kept, self._open = self._open, None
        if kept is not None and kept.is_kept:
            text = "".join(kept.output.bundle.pop(_OPEN))
            kept.output.bundle["stream"].append(text)
            self._resize(kept, kept.size + len(text) + PIECE_CHARACTERS)
            self._trim()

    def add_display(self, number: int, data: Content, display_id: str) -> None:
        """Keep a display of a cell."""
        with self._lock:
            output = HistoryOutput(output_type="display_data", bundle=dict(data))
            self._add(_Kept(number, output, _size_of(data), display_id))

    def update_display(self, data: Content, display_id: str) -> None:
        """Put `data` in the place of the display with this id, if it is still kept."""
        with self._lock:
            kept = self._by_display_id.get(display_id)
            if kept is not None:
                kept.output.bundle = dict(data)
                self._resize(kept, _size_of(data))
                self._trim()

    def clear(self, number: int) -> None:
        """Let go of the output of a cell so far."""
        with self._lock:
            for kept in [kept for kept in self._kept if kept.number == number]:
                self._kept.remove(kept)
                self._forget(kept)

    def _add(self, kept: _Kept) -> None:
        self._manager.outputs[kept.number].append(kept.output)
        self._kept.append(kept)
        self._size += kept.size
        if kept.display_id:
            self._by_display_id[kept.display_id] = kept
        self._trim()

    def _trim(self) -> None:
        while self._size > KEPT_CHARACTERS or len(self._kept) > KEPT_OUTPUTS:
            self._forget(self._kept.popleft())

    def _resize(self, kept: _Kept, size: int) -> None:
        self._size += size - kept.size
        kept.size = size

    def _forget(self, kept: _Kept) -> None:
        self._size -= kept.size
        kept.is_kept = False
        if self._by_display_id.get(kept.display_id) is kept:
            del self._by_display_id[kept.display_id]
        outputs = self._manager.outputs.get(kept.number, [])
        for position, output in enumerate(outputs):
            if output is kept.output:
                del outputs[position]
                break
        if not outputs:
            self._manager.outputs.pop(kept.number, None)


class CellRecord:
    """Keeps the output of one cell, the one with this number (`kernel.request.Record`)."""

    __slots__ = ("_clears", "_number", "_transcript")

    def __init__(self, transcript: Transcript, number: int) -> None:
        self._transcript = transcript
        self._number = number
        self._clears = False  # at the next output

    def text(self, name: str, pieces: list[str]) -> None:
        """Keep text of a stream, and text appended to it."""
        self._clear_if_due()
        self._transcript.add_text(self._number, name, pieces)

    def message(self, msg_type: str, content: Content) -> None:
        """Keep a display as front ends do, updates and clearing included."""
        if msg_type == "display_data":
            self._clear_if_due()
            self._transcript.add_display(self._number, content["data"], _display_id(content))
        elif msg_type == "update_display_data":
            self._transcript.update_display(content["data"], _display_id(content))
        elif msg_type == "clear_output":
            self._clears = True
            if not content["wait"]:
                self._clear_if_due()

    def _clear_if_due(self) -> None:
        if self._clears:
            self._clears = False
            self._transcript.clear(self._number)


def _display_id(content: Content) -> str:
    return str((content.get("transient") or {}).get("display_id") or "")


def _size_of(data: Content) -> int:
    return sum(len(value) for value in data.values() if isinstance(value, str))
