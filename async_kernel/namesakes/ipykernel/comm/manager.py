"""`ipykernel.comm.manager`: registries of comms. The kernel's own is `get_ipython().kernel.comm_manager`."""

from __future__ import annotations

from typing import Any

from comm.base_comm import CommManager as BaseCommManager

from async_kernel.namesakes.installed import rest_of

__all__ = ["CommManager"]


class CommManager(BaseCommManager):
    """A registry of its own: panel and solara make one for each kernel of theirs."""

    # The class has these names, too, as ipykernel's has.
    kernel: Any = None
    parent: Any = None
    comms: Any = None
    targets: Any = None

    def __init__(self, *, kernel: Any = None, parent: Any = None, **kwargs: Any) -> None:
        super().__init__()
        self.kernel, self.parent = kernel, parent


__getattr__ = rest_of(__name__)
