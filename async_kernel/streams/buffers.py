"""The buffers between code of this process and descriptors 1 and 2: those of `sys.__stdout__`, `sys.__stderr__`
and C's `stdout`. Each is made to pass whole lines on at once, and flushed at the end of a cell.

Knows neither cells nor requests.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Buffers"]


class Buffers:
    """The buffers of a process whose descriptors 1 and 2 are pipes."""

    def __init__(self) -> None:
        streams = (sys.__stdout__, sys.__stderr__)
        self._streams = [stream for stream in streams if isinstance(stream, io.TextIOWrapper)]
        self._were = [stream.line_buffering for stream in self._streams]
        self._flush_c: Callable[[], object] | None = None
        for stream in self._streams:
            with suppress(OSError, ValueError):
                stream.reconfigure(line_buffering=True)

    def find_c(self) -> None:
        """See to C's stdout. Apart from the rest because ctypes takes its time; to be called once, from any thread."""
        self._flush_c = _line_buffer_c()

    def flush(self) -> None:
        """Pass on the text held back, whatever state a cell has left the streams in."""
        for stream in self._streams:
            try:  # noqa: SIM105 - `suppress` takes ten times as long as the flush, and each cell ends here
                stream.flush()
            except (OSError, ValueError):
                pass
        if self._flush_c is not None:
            self._flush_c()

    def restore(self) -> None:
        """Flush, and let the streams of Python gather text as they did before."""
        self.flush()
        for stream, was in zip(self._streams, self._were, strict=True):
            with suppress(OSError, ValueError):
                stream.reconfigure(line_buffering=was)


def _line_buffer_c() -> Callable[[], object] | None:
    """Have C's stdout buffer by lines; return the function that flushes it, None where it cannot be reached.

    Not fflush(NULL): that would wait for every stream that some thread of C code is reading.
    """
    try:
        import ctypes

        library = ctypes.CDLL(None)
        stdout = ctypes.c_void_p.in_dll(library, "__stdoutp" if sys.platform == "darwin" else "stdout")
        library.setvbuf.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
        library.setvbuf(stdout, None, 1, 0)  # _IOLBF, which is 1 in glibc, musl, macOS and the BSDs
    except (ImportError, OSError, TypeError, ValueError, AttributeError):
        return None
    flush = library.fflush
    return lambda: flush(stdout)
