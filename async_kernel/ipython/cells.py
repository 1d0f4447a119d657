"""The cell that the calling context runs: its number, its payload, the error it has shown.

IPython keeps these on the shell, which is right for one cell at a time. Here cells of several lanes overlap, so each
has its own, found through a context variable. Knows neither IPython nor the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from async_kernel.protocol.messages import Content

__all__ = ["Cell", "current_cell", "nested", "running"]


class Cell:
    """One execution.

    `input_number` is the number that its input is shown with, `number` the one of its result and reply: the same when
    it is stored in the history, else that of the latest stored cell (as ipykernel has it). `begun` is True once IPython
    has begun to run it, `counted` once IPython has counted it. `code` is the transformed code. `payload` goes into the
    reply. `error` is the content of the latest `error` message that it showed, `failed` the exception behind it.
    `fired` is True when IPython's `run_cell` fires the events at its end.
    `formatting` is True while its result is formatted, `unshowable` once that gave an error. `owner` is the shell that
    runs it.
    """

    __slots__ = (
        "begun",
        "code",
        "counted",
        "error",
        "failed",
        "fired",
        "formatting",
        "input_number",
        "number",
        "owner",
        "payload",
        "unshowable",
    )

    def __init__(self, input_number: int, stored: bool, owner: Any = None) -> None:
        self.owner = owner
        self.input_number = input_number
        self.number = input_number if stored else input_number - 1
        self.begun = False
        self.counted = not stored
        self.code = ""
        self.payload: list[dict[str, Any]] = []
        self.error: Content | None = None
        self.fired = False
        self.failed: BaseException | None = None
        self.formatting = False
        self.unshowable = False


_current: ContextVar[Cell | None] = ContextVar("async_kernel_cell", default=None)


def current_cell() -> Cell | None:
    """The cell that the calling context belongs to, which may have ended already, or None outside any."""
    return _current.get()


class running:
    """Make `cell` the current one for the calling context, and whatever is started in it."""

    __slots__ = ("_cell", "_token")

    def __init__(self, cell: Cell) -> None:
        self._cell = cell

    def __enter__(self) -> None:
        self._token = _current.set(self._cell)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
        # Tasks that outlive the cell keep it through their context: it must not keep frames alive.
        self._cell.failed = None
        self._cell.counted = True


@contextmanager
def nested(inner: Cell, outer: Cell) -> Iterator[None]:
    """Make `inner` the current cell for the calling context: one that the code of `outer` runs. Its payload and its
    errors are those of `outer`, since they go into the reply of that."""
    inner.payload = outer.payload
    with running(inner):
        try:
            yield
        finally:
            outer.payload = inner.payload
            outer.unshowable |= inner.unshowable
            if inner.error is not None:
                outer.error = inner.error
            if inner.failed is not None:
                outer.failed = inner.failed
