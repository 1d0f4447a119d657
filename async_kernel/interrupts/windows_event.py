"""Interrupts by an event, as Jupyter clients send them on Windows to kernels whose spec does not ask for messages.

The specs that are written here ask for messages, which also reach a kernel behind the `python.exe` of a virtual
environment: that is a redirector, with the real Python as its child. A spec written by hand may not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from async_kernel.system.service_thread import ServiceThread

__all__ = ["interrupt_event_of", "watch_interrupt_event"]

INFINITE = 0xFFFFFFFF
"""For WaitForSingleObject: no time limit."""


def interrupt_event_of(environ: Mapping[str, str]) -> int | None:
    """The handle of the event that `environ` names, which jupyter_client sets for every kernel on Windows, or None.

    >>> interrupt_event_of({"JPY_INTERRUPT_EVENT": "372"})
    372
    """
    text = environ.get("JPY_INTERRUPT_EVENT", "")
    return int(text) if text.isdecimal() and int(text) > 0 else None


def watch_interrupt_event(event: int, interrupt: Callable[[], object], kernel32: Any = None) -> threading.Thread:
    """Call `interrupt()`, in a thread of its own, each time that `event` is set (it resets itself).

    Ends when the event cannot be waited for. `kernel32` stands for the system's library, in tests.
    """
    thread = ServiceThread("interrupt event", _watch, (event, interrupt, kernel32))
    thread.start()
    return thread


def _watch(event: int, interrupt: Callable[[], object], kernel32: Any) -> None:
    import ctypes

    if kernel32 is None:
        kernel32 = getattr(ctypes, "windll").kernel32  # noqa: B009  # known to type checkers on Windows only
    # A handle is as wide as a pointer; without a type ctypes would pass 32 bits.
    while kernel32.WaitForSingleObject(ctypes.c_void_p(event), INFINITE) == 0:
        interrupt()
