"""`ipykernel.kernelapp`: the application behind `IPKernelApp.instance()` and `IPKernelApp.initialized()`."""

from __future__ import annotations

from typing import Any, NoReturn

from async_kernel.ipython.profile import IPKernelApp as App
from async_kernel.namesakes.installed import rest_of
from async_kernel.namesakes.names import known_as

__all__ = ["IPKernelApp", "launch_new_instance", "main"]

IPKernelApp = known_as(App, __name__, "IPKernelApp")


def launch_new_instance(*args: Any, **kwargs: Any) -> NoReturn:
    """RuntimeError, with the alternative."""
    IPKernelApp.launch_instance(*args, **kwargs)
    raise AssertionError  # it has raised


main = launch_new_instance

__getattr__ = rest_of(__name__)
