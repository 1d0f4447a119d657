"""Putting the streams of the requests in place of the process's, and giving those back."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable

from .input import ask_input, ask_password
from .output import RequestStream

__all__ = ["install_streams"]


def install_streams(echo: bool = False) -> Callable[[], None]:
    """Make sys.stdout, sys.stderr, input and getpass those of the requests; return what undoes it.

    `echo` has all text go to the process's own streams as well (the setting `kernel.quiet`, switched off).
    What somebody else has replaced meanwhile is left to them.
    """
    import getpass

    places: list[tuple[object, str, object]] = [
        (sys, "stdout", RequestStream("stdout", sys.stdout, echo)),
        (sys, "stderr", RequestStream("stderr", sys.stderr, echo)),
        (builtins, "input", ask_input),
        (getpass, "getpass", ask_password),
    ]
    originals = [getattr(owner, name) for owner, name, _ in places]
    for owner, name, ours in places:
        setattr(owner, name, ours)

    def restore() -> None:
        for (owner, name, ours), original in zip(places, originals, strict=True):
            if getattr(owner, name) is ours:
                setattr(owner, name, original)

    return restore
