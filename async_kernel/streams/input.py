"""input() and getpass() of the requests: questions to the front end that sent the cell."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from async_kernel.errors import StdinNotAllowedError
from async_kernel.interrupts.aftermath import FirmInterrupt
from async_kernel.kernel.request import Request, find_request
from async_kernel.stacks import Stack, callers

__all__ = ["END_OF_INPUT", "make_questions"]

END_OF_INPUT = "\x04"
"""The answer that means Ctrl-D, as in a terminal. Consoles such as jupyter-console send it."""


def make_questions(
    refusal: type[StdinNotAllowedError] = StdinNotAllowedError,
) -> tuple[Callable[..., str], Callable[..., str]]:
    """The functions to put in the place of `builtins.input` and `getpass.getpass`.

    `refusal` is the class of the error that they raise where no input is allowed; it is made of a message and a next
    step.
    """

    def ask(prompt: str, *, password: bool) -> str:
        request = find_request()
        try:
            if request is None:
                raise StdinNotAllowedError("Input was asked for outside any cell, so that there is nobody to ask.")
            answer = _ask(request, prompt, password)
        except StdinNotAllowedError as error:
            raise refusal(error.message, error.next_step) from None
        if answer == END_OF_INPUT:
            raise EOFError
        return answer

    def input(prompt: object = "", /) -> str:  # noqa: A001  (the name that help() and tracebacks show)
        """Ask the front end of the current cell for a line of text, and return the line without its end.

        EOFError when the answer is Ctrl-D, StdinNotImplementedError when the front end allows no input,
        KeyboardInterrupt when the cell is interrupted meanwhile, but FirmInterrupt when it was interrupted before, or
        when a console of Python's asks: a debugger, `code.interact`, a `cmd.Cmd`.
        """
        return ask(str(prompt), password=False)

    def getpass(prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:
        """Ask the front end of the current cell for a password, which it hides while it is typed. `stream` is of no
        use here. The errors are those of `input()`.
        """
        return ask(prompt, password=True)

    return input, getpass


def _ask(request: Request, prompt: str, password: bool) -> str:
    """Ask, and end a loop that takes interrupts in: in a terminal Ctrl-D is left to end it, here nothing is."""
    interrupted = request.interrupted
    try:
        return request.ask(prompt, password)
    except KeyboardInterrupt:
        if interrupted or _in_console(callers()):
            raise FirmInterrupt from None
        raise


def _in_console(stack: Stack) -> bool:
    """Whether a console of Python's asks: pdb and IPython's debugger are derived from `cmd.Cmd`."""
    cmd, code = sys.modules.get("cmd"), sys.modules.get("code")
    consoles: list[Callable[..., object]] = []
    if cmd is not None:
        consoles.append(cmd.Cmd.cmdloop)
    if code is not None:
        consoles.append(code.InteractiveConsole.interact)
    return bool(stack.calls_of(consoles))
