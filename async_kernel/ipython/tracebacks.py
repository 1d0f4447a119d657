"""Exceptions of user code as the content of `error` messages and error replies.

Knows IPython's run loop (which frames are not the user's), not the kernel.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from IPython.core.interactiveshell import InteractiveShell

from async_kernel.interrupts.aftermath import FirmInterrupt
from async_kernel.protocol.messages import Content

__all__ = ["cancelled_types", "cut_our_tail", "error_content", "has_group", "interruption", "plain_traceback"]


def error_content(etype: type[BaseException], value: BaseException | None, lines: Sequence[str] | str) -> Content:
    """The content of an `error` message, for example `{"ename": "ValueError", "evalue": "1", "traceback": [...]}`."""
    if isinstance(lines, str):
        lines = [lines]
    return {"ename": etype.__name__, "evalue": _text(value), "traceback": [str(line) for line in lines]}


def plain_traceback(value: BaseException) -> list[str]:
    """The traceback of `value` as Python itself writes it, without IPython's frames; never raises.

    The entries end without a line break: front ends join them by one.
    """
    tb = user_frames(value.__traceback__)
    try:
        entries = traceback.format_exception(type(value), value, tb)
    except BaseException as error:  # an exception whose own methods fail
        entries = [*traceback.format_tb(tb), f"{type(value).__name__} (and showing it gave {type(error).__name__})"]
    return [entry.removesuffix("\n") for entry in entries]


def user_frames(tb: TracebackType | None) -> TracebackType | None:
    """`tb` from the first frame of the cell on; all of it when no cell is in it."""
    frame = tb
    while frame is not None:
        if frame.tb_frame.f_code is InteractiveShell.run_code.__code__:
            return frame.tb_next or frame
        frame = frame.tb_next
    return tb


def cut_our_tail(tb: TracebackType | None) -> None:
    """End `tb` at the last frame that is not the kernel's: functions that raise on behalf of the user's code, such as
    the handler of an interrupt or `input`, tells the user nothing."""
    package = __name__.partition(".")[0]
    last = None
    while tb is not None:
        if str(tb.tb_frame.f_globals.get("__name__", "")).partition(".")[0] != package:
            last = tb
        tb = tb.tb_next
    if last is not None:
        last.tb_next = None


def has_group(value: BaseException | None) -> bool:
    """Whether `value`, or an exception in its context, is an exception group, which IPython cannot show."""
    seen: set[int] = set()
    while value is not None and id(value) not in seen:
        if isinstance(value, BaseExceptionGroup):
            return True
        seen.add(id(value))
        value = value.__context__
    return False


def cancelled_types() -> tuple[type[BaseException], ...]:
    """The exceptions by which the loaded backends cancel: asyncio's, trio's, or both. Loads neither."""
    modules = (sys.modules.get("asyncio"), sys.modules.get("trio"))
    names = ("CancelledError", "Cancelled")
    return tuple(getattr(module, name) for module, name in zip(modules, names, strict=True) if module is not None)


def interruption(value: BaseException) -> KeyboardInterrupt | None:
    """The KeyboardInterrupt that `value` stands for when its cell was interrupted, else None.

    An interrupt reaches awaiting code as a cancellation, and code in a nursery or task group as a group of them.
    The traceback is that of `value`: it ends at the await.
    """
    if type(value) is KeyboardInterrupt:
        return value
    kinds: tuple[type[BaseException], ...] = (KeyboardInterrupt, FirmInterrupt, *cancelled_types())
    if isinstance(value, BaseExceptionGroup):
        if value.split(kinds)[1] is not None:
            return None
    elif not isinstance(value, kinds):
        return None
    interrupt = KeyboardInterrupt().with_traceback(value.__traceback__)
    interrupt.__suppress_context__ = True
    return interrupt


def _text(value: object) -> str:
    for text in (str, repr):
        try:
            return text(value)
        except BaseException:  # noqa: S112  # the text says that there is none
            continue
    return f"<{type(value).__name__} that cannot be shown>"
