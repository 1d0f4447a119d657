# mypy: disable-error-code="attr-defined"
# `_posixsubprocess` is not there on Windows, where nothing of this is ever made.
"""Processes that work for later cells, too, speak in the cell that they work for.

Those are the ones that a library starts, such as the workers of a pool, and the programs that read from a pipe, such as
a shell that is held open. They get pipes of their own from the cell (`descriptors.Capture.lending`). All else that a
cell starts has the descriptors of the cell, and speaks there.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Mapping
from typing import Any

from .descriptors import Capture
from .starters import is_of_library

__all__ = ["lend_pipes"]

_STDIN, _STDOUT, _STDERR = 6, 9, 11
"""The positions of the arguments of `fork_exec` that become descriptors 0, 1 and 2 of the program; -1: they stay."""


def lend_pipes(capture: Capture) -> Callable[[], None]:
    """Have programs that will work for later cells get the pipes that `capture` lends; return what ends that.

    `subprocess`, the spawned workers of multiprocessing and loky's all start programs by one C function. Forks are seen
    by `capture` itself.
    """
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec

    def fork_exec_with_pipes(*args: Any) -> Any:
        if not (_is_fed(args[_STDIN]) or is_of_library(sys._getframe(1))):
            return fork_exec(*args)
        with capture.lending() as ends:
            return fork_exec(*_with_ends(args, ends))

    places = [(_posixsubprocess, "fork_exec")]
    if "subprocess" in sys.modules and hasattr(sys.modules["subprocess"], "_fork_exec"):
        places.append((sys.modules["subprocess"], "_fork_exec"))
    for module, name in places:
        setattr(module, name, fork_exec_with_pipes)

    def restore() -> None:
        for module, name in places:
            if getattr(module, name) is fork_exec_with_pipes:
                setattr(module, name, fork_exec)

    return restore


def _is_fed(stdin: int) -> bool:
    """Whether a program that has this as its stdin reads from a pipe or a socket, the other end of which is ours."""
    if stdin == -1:
        return False
    mode = os.fstat(stdin).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def _with_ends(args: tuple[Any, ...], ends: Mapping[int, int]) -> list[Any]:
    """The arguments, with `ends` in place of descriptors 1 and 2, where the program would have those."""
    changed = list(args)
    for position, number in ((_STDOUT, 1), (_STDERR, 2)):
        given = args[position]
        changed[position] = ends.get(number if given == -1 else given, given)
    return changed
