"""`ipykernel.zmqshell`: the shell and its displays.

tqdm.auto looks for the module in `sys.modules`, plotly and reacton at the shell's class, loguru asks by `isinstance`.
"""

from __future__ import annotations

from async_kernel.ipython.display import KernelDisplayPublisher
from async_kernel.ipython.magics import KernelMagics
from async_kernel.ipython.shell import ZMQInteractiveShell as Shell
from async_kernel.namesakes.installed import rest_of
from async_kernel.namesakes.names import known_as

__all__ = ["KernelMagics", "ZMQDisplayPublisher", "ZMQInteractiveShell"]

ZMQInteractiveShell = known_as(Shell, __name__, "ZMQInteractiveShell")
ZMQDisplayPublisher = known_as(KernelDisplayPublisher, __name__, "ZMQDisplayPublisher")

__getattr__ = rest_of(__name__)
