"""Signal handlers that are not ours: code that may raise between any two bytecodes of the main thread."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback

# Not `signal.getsignal`, which makes an enum member of each answer: this is asked at every message.
from _signal import getsignal
from collections.abc import Callable
from types import FrameType

from async_kernel.stacks import Stack

__all__ = ["guard_handlers", "may_raise_here"]

NUMBERS = tuple(int(number) for number in signal.valid_signals())

PACKAGE = __name__.partition(".")[0]


class Guarded:
    """A handler whose exceptions reach the user's code, and nothing else.

    An alarm that outlives its cell would end the loop, and the kernel with it, or cost the next cell its reply.
    """

    def __init__(self, handler: Callable[[int, FrameType | None], object]) -> None:
        self.__wrapped__ = handler

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        """Call the handler. Its exception goes on where a function that runs user code is on the stack; elsewhere it is
        shown on stderr."""
        try:
            self.__wrapped__(signum, frame)
        except Exception:
            if Stack(frame).has_entry:
                raise
            name = signal.strsignal(signum)  # not all numbers are members of signal.Signals
            print(f"The handler of signal {signum} ({name}) raised while no cell was running.", file=sys.stderr)
            traceback.print_exc()


_harmless: tuple[object, ...] = ()  # the handlers of all signals, when none of them was foreign


def guard_handlers() -> None:
    """Guard the handlers that cells have left. That of SIGINT is not touched: libraries look whether it is Python's
    own."""
    if threading.get_ident() == _main and not _are_harmless():
        for number in NUMBERS:
            handler = getsignal(number)
            if number != signal.SIGINT and _is_foreign(handler) and not isinstance(handler, Guarded):
                signal.signal(number, Guarded(handler))


def may_raise_here() -> bool:
    """Whether a handler that is none of ours may run, and raise, in the calling thread: an alarm's, for example, or the
    one that makes KeyboardInterrupt of SIGINT where a kernel was embedded. Takes some 2 microseconds."""
    return threading.get_ident() == _main and not _are_harmless()


_main = threading.main_thread().ident


def _note_main_thread() -> None:
    """The thread that forks is the main thread of the child."""
    global _main
    _main = threading.get_ident()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_main_thread)


def _are_harmless() -> bool:
    """Whether no handler is foreign. They are compared with those that were looked at last: as a whole, since this is
    asked at every message."""
    global _harmless
    handlers = tuple(map(getsignal, NUMBERS))
    if handlers == _harmless:
        return True
    if any(map(_is_foreign, handlers)):
        return False
    _harmless = handlers
    return True


def _is_foreign(handler: object) -> bool:
    if handler is None or isinstance(handler, int):  # None: a handler that C code has set
        return False
    return isinstance(handler, Guarded) or str(getattr(handler, "__module__", "")).partition(".")[0] != PACKAGE
