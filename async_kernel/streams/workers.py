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
from contextlib import suppress
from functools import wraps
from subprocess import PIPE
from typing import Any

from async_kernel.stacks import callers, stands_for_library

from .descriptors import Capture
from .starters import is_of_library

__all__ = ["lend_pipes"]

_STDIN, _STDOUT, _STDERR = 6, 9, 11
"""The positions of the arguments of `fork_exec` that become descriptors 0, 1 and 2 of the program; -1: they stay."""


def lend_pipes(capture: Capture) -> Callable[[], None]:
    """Have programs that will work for later cells get the pipes that `capture` lends; return the function that ends
    it.

    `subprocess`, the spawned workers of multiprocessing and loky's all start programs by one C function, but uvloop has
    its own. Forks are seen by `capture` itself.
    """
    import _posixsubprocess

    fork_exec = _posixsubprocess.fork_exec

    @stands_for_library  # the program may get the same interrupt, and the cell may end before there is another chance
    def fork_exec_with_pipes(*args: Any) -> Any:
        if not (_is_fed(args[_STDIN]) or is_of_library(callers())):
            return fork_exec(*args)
        with capture.lending() as ends:
            return fork_exec(*_with_ends(args, ends))

    places: list[tuple[Any, str, Any]] = [(_posixsubprocess, "fork_exec", fork_exec_with_pipes)]
    if hasattr(sys.modules.get("subprocess"), "_fork_exec"):
        places.append((sys.modules["subprocess"], "_fork_exec", fork_exec_with_pipes))
    if "uvloop" in sys.modules:
        loop = sys.modules["uvloop"].Loop
        places += [(loop, name, _of_uvloop(capture, getattr(loop, name))) for name in _STARTERS_OF_UVLOOP]
    originals = [getattr(owner, name) for owner, name, _ in places]
    for owner, name, ours in places:
        setattr(owner, name, ours)

    def restore() -> None:
        for (owner, name, ours), original in zip(places, originals, strict=True):
            if getattr(owner, name) is ours:
                setattr(owner, name, original)

    return restore


_STARTERS_OF_UVLOOP = ("subprocess_exec", "subprocess_shell")


def _of_uvloop(capture: Capture, start: Callable[..., Any]) -> Callable[..., Any]:
    """A method of uvloop's loop that starts a program, with the pipes that `capture` lends."""

    @wraps(start)
    async def start_with_pipes(*args: Any, stdin: Any = PIPE, **kwargs: Any) -> Any:
        lent: dict[int, int] = {}
        if stdin == PIPE or is_of_library(callers()):
            with capture.lending() as ends:
                lent = {number: os.dup(end) for number, end in ends.items()}  # it is awaited: the cell may end
        try:
            for name, number in (("stdout", 1), ("stderr", 2)):
                given = kwargs.get(name, PIPE)
                kwargs[name] = lent.get(number if given is None else given, given)
            return await start(*args, stdin=stdin, **kwargs)
        finally:
            for end in lent.values():
                with suppress(OSError):
                    os.close(end)

    return start_with_pipes


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
