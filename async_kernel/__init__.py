"""A Python kernel for Jupyter on asyncio, uvloop or trio.

Importing the package costs nothing: every public name is looked up when it is first used (PEP 562).
"""

from ._version import __version__

TYPE_CHECKING = False  # typing's, without importing typing
if TYPE_CHECKING:
    from .concurrency.caller import Caller as Caller
    from .concurrency.groups import Group as Group
    from .concurrency.pending import Pending as Pending
    from .embedding import embed_kernel as embed_kernel
    from .interface import start_kernel_zmq_interface as start_kernel_zmq_interface
    from .kernelspec import remove_kernel_spec as remove_kernel_spec
    from .kernelspec import write_kernel_spec as write_kernel_spec
    from .streams.threads import follow_current_cell as follow_current_cell

__all__ = [
    "Caller",
    "Group",
    "Pending",
    "__version__",
    "embed_kernel",
    "follow_current_cell",
    "remove_kernel_spec",
    "start_kernel_zmq_interface",
    "write_kernel_spec",
]

_HOMES = {
    "Caller": "concurrency.caller",
    "Group": "concurrency.groups",
    "Pending": "concurrency.pending",
    "embed_kernel": "embedding",
    "follow_current_cell": "streams.threads",
    "remove_kernel_spec": "kernelspec",
    "start_kernel_zmq_interface": "interface",
    "write_kernel_spec": "kernelspec",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
