"""`ipykernel.zmqshell`, a module by which libraries see that they run in a Jupyter kernel.

tqdm.auto draws a widget where `"ipykernel.zmqshell" in sys.modules`, and others ask for
`isinstance(get_ipython(), ipykernel.zmqshell.ZMQInteractiveShell)`. A module with this kernel's classes stands there
for both. Of ipykernel itself, installed or not, nothing is imported.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

__all__ = ["lend_namesake", "take_namesake_back"]

_NAME = "ipykernel.zmqshell"


class _Namesake(ModuleType):
    ZMQInteractiveShell: type[InteractiveShell]
    ZMQDisplayPublisher: type[DisplayPublisher]


def lend_namesake(shell: type[InteractiveShell], publisher: type[DisplayPublisher]) -> None:
    """Put the module in its place, with these classes, unless the real one is there."""
    if _NAME not in sys.modules:
        module = _Namesake(_NAME, "Stands for the module of ipykernel, with the classes of the kernel that runs.")
        module.__spec__ = ModuleSpec(_NAME, None)  # importlib.util.find_spec wants one
        module.ZMQInteractiveShell = shell
        module.ZMQDisplayPublisher = publisher
        sys.modules[_NAME] = module


def take_namesake_back() -> None:
    """Remove the module, if it is ours."""
    if isinstance(sys.modules.get(_NAME), _Namesake):
        del sys.modules[_NAME]
