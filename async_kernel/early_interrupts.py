"""SIGINT before a kernel takes it: nothing runs yet that an interrupt could be meant for, so it costs nothing.

Python's own handler would raise KeyboardInterrupt in the midst of the imports, which are most of a start. Where one is
caught, a library goes on without what it was about to import; elsewhere the kernel ends.

It is imported before the working folder is kept out of the imports: it may import nothing that is not built in.
"""

from _signal import SIGINT, default_int_handler, getsignal, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

__all__ = ["disregard", "disregard_interrupts", "heed_interrupts"]


class _Disregard:
    """The handler that does nothing but note that it was called.

    To a comparison it is Python's own handler. trio takes SIGINT only if it finds that one; were it really there, an
    interrupt could end the start of trio.
    """

    came: bool = False

    def __call__(self, signum: int, frame: "FrameType | None") -> None:
        self.came = True

    def __eq__(self, other: object) -> bool:
        return other is self or other is default_int_handler

    __hash__ = object.__hash__


disregard = _Disregard()


def disregard_interrupts() -> bool:
    """From now on an interrupt costs nothing, unless SIGINT is ignored or taken already. Whether that is new.

    To be called in the main thread.
    """
    if getsignal(SIGINT) is not default_int_handler:
        return False
    signal(SIGINT, disregard)
    return True


def heed_interrupts() -> bool:
    """Undo that: no kernel of ours starts here, or it has ended. Whether an interrupt has come meanwhile."""
    there: object = getsignal(SIGINT)
    if there is not disregard:
        return False
    signal(SIGINT, default_int_handler)
    came = disregard.came
    disregard.came = False
    return came
