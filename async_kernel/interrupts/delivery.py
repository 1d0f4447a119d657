"""Exceptions in another thread, at its next bytecode: CPython's asynchronous ones."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress

__all__ = ["raise_in_thread", "throw_into"]


class _OwnException(BaseException):
    """An exception that the calling thread raises in itself."""


def raise_in_thread(thread: int, raised: Callable[[], None]) -> None:
    """Have KeyboardInterrupt raised in another thread, by its ident, at its next bytecode. A thread that waits in a
    call runs none before that returns. `raised()` is called there when Python makes the exception."""

    def new(cls: object, *arguments: object) -> KeyboardInterrupt:
        raised()
        return KeyboardInterrupt(*arguments)

    # CPython 3.11 shows the class itself when C code drops it.
    throw_into(thread, type("KeyboardInterrupt", (KeyboardInterrupt,), {"__module__": "builtins", "__new__": new}))


def throw_into(thread: int, exception: type[BaseException]) -> None:
    """Have an exception of a class raised in another thread, as `raise_in_thread` does."""
    _set(thread, exception)
    if sys.version_info < (3, 13):
        # The interpreter has one flag for all threads, and looks at it until the exception is raised: 3.11 does not get
        # into a function that is traced meanwhile, in any thread. An exception of our own takes the flag away; a thread
        # with one that waits sets it anew when it takes the GIL.
        with suppress(_OwnException):
            _set(threading.get_ident(), _OwnException)


def _set(thread: int, exception: type[BaseException]) -> None:
    import ctypes

    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))
