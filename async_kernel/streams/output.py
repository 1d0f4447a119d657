"""stdout and stderr of the requests: text goes to the current request, the transport gathers it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from time import monotonic
from typing import TextIO
from weakref import WeakSet

from async_kernel.kernel.parents import NamesParents
from async_kernel.kernel.request import Request, current_request, find_request, following
from async_kernel.stacks import calls_checkpoint

from .descriptors import Capture
from .forked import is_child
from .threads import ThreadParents

__all__ = ["RequestStream"]

UNBROKEN_SECONDS = 1e-5
"""Two writes that are no further apart hardly have anything between them that wrote past Python, so nobody looks:
half the time of a print in a loop would go into that."""


class RequestStream(NamesParents, io.TextIOBase):
    """A text stream whose text belongs to the request that the writer works on.

    `name` is "stdout" or "stderr". Text that belongs to no request goes to `original`, the stream of the process; with
    `echo` all text does. `capture` has the text written past this stream. `fileno()`, where forked children write, is
    `descriptor`, by default that of the original.
    """

    __slots__ = (
        "_binary",
        "_capture",
        "_descriptor",
        "_echo",
        "_last",
        "_line",
        "_name",
        "_original",
        "_to",
        "_written",
    )

    def __init__(
        self,
        name: str,
        original: TextIO | None,
        echo: bool = False,
        descriptor: int | None = None,
        capture: Capture | None = None,
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._capture = capture
        self._written = 0.0  # the time of the latest text, and its end below
        self._last = "\n"
        self._to: tuple[Request, Callable[[str], object]] | None = None  # the latest writer's request, and how
        self._line: list[str] = []  # of a forked child
        self._name = name
        self._original = original
        self._echo = original if echo else None
        self._binary = _BinaryFace(self)
        _all.add(self)

    @property
    def name(self) -> str:
        """ "<stdout>" or "<stderr>", as the streams of a plain interpreter are called."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]  # an attribute in the stubs
        """ "utf-8": the protocol knows no other."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]  # an attribute in the stubs
        """ "replace": characters that UTF-8 cannot hold are shown as such."""
        return "replace"

    @property
    def buffer(self) -> io.RawIOBase:
        """The same stream for bytes, which are read as UTF-8."""
        return self._binary

    @property
    def _thread_to_parent(self) -> ThreadParents:
        """By which libraries such as ipyparallel let go of the cell that started a thread; in some versions of
        ipykernel `_thread_to_parent_header` is a second one."""
        return ThreadParents()

    _thread_to_parent_header = _thread_to_parent

    def _is_master_process(self) -> bool:
        """Whether this process is the kernel, and no forked child of it. ipykernel's tests and others ask for it."""
        return not is_child()

    @calls_checkpoint
    def write(self, text: str) -> int:
        """Write `text`; return its length. Never blocks."""
        # In full, and with its state in slots: a cell that prints in a loop is mostly here.
        to = self._to  # once: other threads write, too
        request = current_request()
        if to is None or to[0] is not request or request.ended or following.threads or text.__class__ is not str:
            if not isinstance(text, str):
                raise TypeError(f"write() argument must be str, not {type(text).__name__}")
            request = find_request()
            if request is None or is_child():
                self._write_elsewhere(text)
                return len(text)
            if to is None or to[0] is not request:
                to = self._to = request, request.writer(self._name)
        if not text:
            return 0
        # The separators and the end of `print` follow at once: nothing can have come between.
        if text != " " and (text != "\n" or self._last[-1] == "\n") and self._capture is not None:
            now = monotonic()
            if now - self._written > UNBROKEN_SECONDS or self._capture.busy:
                self._capture.bring_in()
            self._written = now
        self._last = text
        to[1](text)
        if self._echo is not None:
            self._echo.write(text)
        if request.checkpoint is not None:
            request.checkpoint()
        return len(text)

    def _write_elsewhere(self, text: str) -> None:
        if not is_child():
            if self._original is not None:
                self._original.write(text)
            return
        # A forked child has no thread that would send anything: its lines go the way of any child's output.
        self._line.append(text)
        if "\n" in text:
            self._flush_in_child()

    def _flush_in_child(self) -> None:
        text, self._line = "".join(self._line), []
        with suppress(OSError):
            data = memoryview(text.encode("utf-8", "replace"))
            while data:
                data = data[os.write(self.fileno(), data) :]

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]  # of text only
        """Write the lines as one piece."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Nothing waits here, but in a forked child: all text is under way."""
        self._last = "\n"  # the next text may be another writer's, so its owner is looked for
        if self._line:
            self._flush_in_child()

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """False: a front end is not a terminal, although it shows colours."""
        return False

    def fileno(self) -> int:
        """The file descriptor of the process's own stream, for code that hands it to a child."""
        if self._descriptor is not None:
            return self._descriptor
        if self._original is None:
            raise io.UnsupportedOperation("fileno")
        return self._original.fileno()

    def close(self) -> None:
        """Nothing: a cell that closes its stdout must not silence the next one."""


class _BinaryFace(io.RawIOBase):
    """The bytes side of a stream; a character that is split over two writes is put together."""

    def __init__(self, stream: RequestStream) -> None:
        import codecs

        super().__init__()
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # of bytes only
        self._stream.write(self._decoder.decode(data))
        return len(data)

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        pass


_all: WeakSet[RequestStream] = WeakSet()


def _forget_writers() -> None:
    """In a forked child, where they lead to nobody."""
    for stream in tuple(_all):
        stream._to = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_writers)
