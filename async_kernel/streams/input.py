"""input() and getpass() of the requests: questions to the front end that sent the cell."""

from __future__ import annotations

from typing import Any

from async_kernel.errors import StdinNotAllowedError
from async_kernel.kernel.request import find_request

__all__ = ["ask_input", "ask_password"]


def ask_input(prompt: object = "", /) -> str:
    """What `builtins.input` does in a kernel: ask the front end of the current cell, return its line.

    StdinNotAllowedError when it allows no input, KeyboardInterrupt when the cell is interrupted meanwhile.
    """
    return _ask(str(prompt), password=False)


def ask_password(prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:
    """What `getpass.getpass` does in a kernel: the front end hides what is typed. `stream` is of no use here."""
    return _ask(prompt, password=True)


def _ask(prompt: str, *, password: bool) -> str:
    request = find_request()
    if request is None:
        raise StdinNotAllowedError("Input was asked for outside any cell, so that there is nobody to ask.")
    return request.ask(prompt, password)
