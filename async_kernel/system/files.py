"""Files that a kernel has made and that are to go with it.

A kernel removes them at its end. One that dies of a signal cannot; its guardian does it then. Files that no guardian
has seen die, as when the machine was switched off, the next kernel sweeps away. It knows such a file by a lock: the
system takes that away when a process ends, however it ends. A process id would say less, for it is given to another
process later, and means nothing in another container or on another machine with the same home.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Self

from .real import real

__all__ = ["OwnFile", "hold", "sweep"]


class OwnFile:
    """A file of this process at `path`: told by its identity from one that another kernel has put in its place.

    `path` is made absolute: cells change the folder. By default the identity is that of the file which is there;
    OSError when there is none. A `descriptor` by which the file is held is closed when the file is removed.
    """

    __slots__ = ("_descriptor", "_identity", "path")

    def __init__(self, path: str, identity: tuple[int, int] | None = None, descriptor: int = -1) -> None:
        self.path = os.path.abspath(path)
        self._identity = _identity(self.path) if identity is None else identity
        self._descriptor = descriptor

    def remove(self) -> None:
        """Remove it, unless another one has its place. Nothing happens a second time. Any thread."""
        with suppress(OSError):
            if _identity(self.path) == self._identity:
                real.unlink(self.path)
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with suppress(OSError):  # a cell may have closed it
                real.close(descriptor)

    def to_bytes(self) -> bytes:
        """For another process: `b"65024:1311:/run/user/1000/jupyter/kernel-4711.json"`."""
        device, number = self._identity
        return os.fsencode(f"{device}:{number}:{self.path}")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The file of which another process has said `to_bytes()`."""
        device, number, path = os.fsdecode(data).split(":", 2)
        return cls(path, (int(device), int(number)))


def hold(descriptor: int) -> bool:
    """Lock an open file for this process, until the descriptor is closed. False when another process has it, or where
    there are no such locks: on Windows, and on some file systems of other machines."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep(folder: str, mark: bytes) -> None:
    """Remove the `kernel-*.json` in a folder that have `mark` in them and are held by no process any more."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith("kernel-") and name.endswith(".json"):
                with suppress(OSError):
                    _sweep_file(os.path.join(folder, name), mark)


def _sweep_file(path: str, mark: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        if mark in os.read(descriptor, 1 << 12) and hold(descriptor):
            status = os.fstat(descriptor)
            OwnFile(path, (status.st_dev, status.st_ino)).remove()
    finally:
        os.close(descriptor)


def _identity(path: str) -> tuple[int, int]:
    status = real.stat(path)
    return status.st_dev, status.st_ino
