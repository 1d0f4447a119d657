"""Putting the streams of the requests in place of the process's, and giving those back."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from async_kernel.errors import StdinNotAllowedError
from async_kernel.kernel.request import Request, set_fallback, sources

from .buffers import Buffers
from .descriptors import Capture
from .faults import keep_from_cells
from .forked import end_child
from .input import make_questions
from .output import RequestStream
from .threads import carry_requests
from .workers import lend_pipes

__all__ = ["Streams", "install_streams"]


class Streams:
    """The replacements. `restore()` undoes them, but for those that other code has replaced meanwhile;
    `around_cell(request)` is to be called before each cell, the function that it returns after it: then all that the
    cell wrote is said, and a forked child of the cell is ended."""

    def __init__(self, restore: Callable[[], None], capture: Capture | None = None) -> None:
        self.restore = restore
        self._capture = capture

    def leave_cells(self) -> None:
        """Have text written outside any cell go where the streams of the process led, and no longer to the latest
        cell: no cell will follow."""
        set_fallback(None)
        if self._capture is not None:
            self._capture.leave_cells()

    def around_cell(self, request: Request) -> Callable[[], None]:
        """Around one cell: see the class."""
        if self._capture is None:
            return end_child
        leave = self._capture.enter(request)

        def end() -> None:
            try:
                leave()
            finally:
                end_child()

        return end


def install_streams(
    echo: bool = False, capture: bool = False, refusal: type[StdinNotAllowedError] = StdinNotAllowedError
) -> Streams:
    """Make sys.stdout, sys.stderr, input and getpass those of the requests, and let threads carry requests.

    `echo` has all text go to the process's own streams as well (the setting `kernel.quiet`, switched off). `capture`
    has output on file descriptors 1 and 2 go to the requests, where the system allows for it (the setting
    `kernel.capture_fd`); it is for kernels that have their process for themselves. `refusal` is the class of the error
    that `input()` raises where no input is allowed.
    """
    import getpass

    captured = _capture(echo) if capture and os.name == "posix" else None
    ask_input, ask_password = make_questions(refusal)
    places: list[tuple[object, str, object]] = [
        (sys, "stdout", _stream("stdout", sys.stdout, echo, 1, captured)),
        (sys, "stderr", _stream("stderr", sys.stderr, echo, 2, captured)),
        (builtins, "input", ask_input),
        (getpass, "getpass", ask_password),
    ]
    originals = [getattr(owner, name) for owner, name, _ in places]
    for owner, name, ours in places:
        setattr(owner, name, ours)
    restore_threads = carry_requests()

    def restore() -> None:
        restore_threads()
        for (owner, name, ours), original in zip(places, originals, strict=True):
            if getattr(owner, name) is ours:
                setattr(owner, name, original)
        if captured is not None:
            captured.restore()

    return Streams(restore, captured.capture if captured is not None else None)


class _Captured:
    """Descriptors 1 and 2 in the hands of the requests, and the parts that have to know of it."""

    def __init__(self, capture: Capture, buffers: Buffers) -> None:
        import faulthandler

        self.capture = capture
        self._buffers = buffers
        self.logs = {
            # Buffered by lines; the name and encoding are those that the descriptor had. It stays open.
            number: open(original, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
            for number, original in capture.originals.items()
        }
        # A process that dies of a signal says so where its log is: nobody would read the pipe any more.
        self._had_faulthandler = faulthandler.is_enabled()
        faulthandler.enable(self.logs[2])
        self._restore_faulthandler = keep_from_cells(self._log_of)
        self._take_back_pipes = lend_pipes(capture)
        sources.append(capture.bring_in)

    def _log_of(self, descriptor: int) -> TextIO | None:
        number = self.capture.number_of(descriptor)
        return None if number is None else self.logs[number]

    def restore(self) -> None:
        import faulthandler

        self._restore_faulthandler()
        self._take_back_pipes()
        sources.remove(self.capture.bring_in)
        self._buffers.restore()
        for log in self.logs.values():
            with suppress(OSError):
                log.close()
        faulthandler.disable()
        self.capture.restore()
        if self._had_faulthandler:
            faulthandler.enable(2)


def _capture(echo: bool) -> _Captured | None:
    """Take descriptors 1 and 2; None when one of them is closed, as in some daemons."""
    with suppress(OSError):
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        buffers = Buffers()
        capture = Capture({1: "stdout", 2: "stderr"}, echo=echo, prepare=buffers.find_c, flush=buffers.flush)
        return _Captured(capture, buffers)
    return None


def _stream(
    name: str, original: TextIO | None, echo: bool, descriptor: int, captured: _Captured | None
) -> RequestStream:
    if captured is None:
        return RequestStream(name, original, echo)
    return RequestStream(name, captured.logs[descriptor], echo, descriptor, captured.capture)
