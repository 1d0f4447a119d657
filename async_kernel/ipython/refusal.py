"""The error of `input()` where no input is allowed, by the name that code written for IPython knows."""

from __future__ import annotations

from IPython.core import error

from async_kernel.errors import StdinNotAllowedError

__all__ = ["StdinNotImplementedError"]


class StdinNotImplementedError(StdinNotAllowedError, error.StdinNotImplementedError):
    """Code asked for input while the front end that sent the cell does not allow it.

    It is IPython's error of this name, and through that a NotImplementedError.
    """
