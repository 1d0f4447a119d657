"""`ipykernel.displayhook`, which shows the result of a cell."""

from __future__ import annotations

from async_kernel.ipython.display import KernelDisplayHook
from async_kernel.namesakes.installed import rest_of
from async_kernel.namesakes.names import known_as

__all__ = ["ZMQShellDisplayHook"]

ZMQShellDisplayHook = known_as(KernelDisplayHook, __name__, "ZMQShellDisplayHook")

__getattr__ = rest_of(__name__)
