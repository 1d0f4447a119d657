"""The standard descriptors of a process that runs already, and the streams that Python has made of them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Sequence
from io import TextIOWrapper

__all__ = ["take_standard"]

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def take_standard(given: Sequence[int]) -> None:
    """Have the descriptors `given` be 0, 1 and 2; their own numbers are closed. A stream is as Python makes it at the
    start for such a descriptor: a terminal is written to line by line, a pipe has no position."""
    kinds = [_kind(number) for number in range(3)]
    for number, descriptor in enumerate(given):
        os.dup2(descriptor, number)
    for descriptor in set(given):
        if descriptor > 2:
            os.close(descriptor)
    for number, (name, mode) in enumerate(_STREAMS):
        if _kind(number) != kinds[number]:
            _make_stream(number, name, mode)


def _kind(descriptor: int) -> tuple[int, bool]:
    return stat.S_IFMT(os.fstat(descriptor).st_mode), os.isatty(descriptor)


def _make_stream(descriptor: int, name: str, mode: str) -> None:
    """`sys.stdin`, `sys.stdout` or `sys.stderr`, as the interpreter makes it (create_stdio in Python/pylifecycle.c)."""
    old = getattr(sys, name)
    if old is None:
        return
    unbuffered: bool = old.write_through  # -u
    # The stream that is put around it stays open.
    binary = open(descriptor, f"{mode}b", buffering=0 if unbuffered and mode == "w" else -1, closefd=False)  # noqa: SIM115
    setattr(getattr(binary, "raw", binary), "name", f"<{name}>")  # noqa: B010, the stubs have it as read-only
    by_line = not unbuffered and (name == "stderr" or binary.isatty())
    stream = TextIOWrapper(binary, old.encoding, old.errors, "\n", line_buffering=by_line, write_through=unbuffered)
    stream.mode = mode  # type: ignore[misc]  # set by open() as well
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)
