"""input() and getpass() of the requests: questions to the front end that sent the cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from async_kernel.errors import StdinNotAllowedError
from async_kernel.kernel.request import find_request

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
            answer = request.ask(prompt, password)
        except StdinNotAllowedError as error:
            raise refusal(error.message, error.next_step) from None
        if answer == END_OF_INPUT:
            raise EOFError
        return answer

    def input(prompt: object = "", /) -> str:  # noqa: A001  (the name that help() and tracebacks show)
        """Ask the front end of the current cell for a line of text, and return the line without its end.

        EOFError when the answer is Ctrl-D, StdinNotImplementedError when the front end allows no input,
        KeyboardInterrupt when the cell is interrupted meanwhile.
        """
        return ask(str(prompt), password=False)

    def getpass(prompt: str = "Password: ", stream: Any = None, **_: Any) -> str:
        """Ask the front end of the current cell for a password, which it hides while it is typed. `stream` is of no
        use here. The errors are those of `input()`.
        """
        return ask(prompt, password=True)

    return input, getpass
