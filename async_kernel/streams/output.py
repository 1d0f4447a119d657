"""stdout and stderr of the requests. No threads here: text goes to the current request, the transport gathers it."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from typing import TextIO

from async_kernel.kernel.request import find_request

__all__ = ["RequestStream"]


_is_forked_child = False


def _note_fork() -> None:
    """A forked child has no thread that would send what is put for sending."""
    global _is_forked_child
    _is_forked_child = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


class RequestStream(io.TextIOBase):
    """A text stream whose text belongs to the request that the writer works on.

    `name` is "stdout" or "stderr". Text that belongs to no request, and what a forked child writes, goes to
    `original`, the stream of the process, which is also where `fileno()` leads. With `echo` all text goes there too.
    """

    def __init__(self, name: str, original: TextIO | None, echo: bool = False) -> None:
        super().__init__()
        self._name = name
        self._original = original
        self._echo = echo
        self._binary = _BinaryFace(self)

    @property
    def name(self) -> str:
        """ "<stdout>" or "<stderr>", as the streams of a plain interpreter are called."""
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """ "utf-8": the protocol knows no other."""
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        """ "replace": what UTF-8 cannot hold is shown as such."""
        return "replace"

    @property
    def buffer(self) -> io.RawIOBase:
        """The same stream for bytes, which are read as UTF-8."""
        return self._binary

    def write(self, text: str) -> int:
        """Write `text`; return its length. Never blocks."""
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if text:
            request = find_request()
            if request is not None and not _is_forked_child:
                request.stream(self._name, text)
                if self._echo and self._original is not None:
                    self._original.write(text)
                if request.checkpoint is not None:
                    request.checkpoint()
            elif self._original is not None:
                self._original.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:  # type: ignore[override]
        """Write the lines as one piece."""
        self.write("".join(lines))

    def flush(self) -> None:
        """Nothing waits here: what was written is under way."""
        if self._original is not None and _is_forked_child:
            self._original.flush()

    def writable(self) -> bool:
        """True."""
        return True

    def isatty(self) -> bool:
        """False: a front end is not a terminal, although it shows colours."""
        return False

    def fileno(self) -> int:
        """The file descriptor of the process's own stream, for code that hands it to a child."""
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

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._stream.write(self._decoder.decode(data))
        return len(data)

    def fileno(self) -> int:
        return self._stream.fileno()

    def close(self) -> None:
        pass
