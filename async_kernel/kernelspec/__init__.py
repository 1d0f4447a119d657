"""Kernel specs, which Jupyter reads to start a kernel: their places, their content, how they are written and removed.

`write_kernel_spec`, `remove_kernel_spec`, `get_kernel_dir` and `make_argv` are the Python face of `async-kernel -a` and
`-r`. This room does not know that anything ever runs. Its names are looked up on demand (PEP 562).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import get_kernel_dir, make_argv, remove_kernel_spec, write_kernel_spec
    from .spec import KernelSpec

__all__ = ["KernelSpec", "get_kernel_dir", "make_argv", "remove_kernel_spec", "write_kernel_spec"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "KernelSpec":
        from .spec import KernelSpec

        return KernelSpec
    from . import api

    return getattr(api, name)
