"""`ipykernel.comm.comm`: the classes of comms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from async_kernel.comms import KernelComm, place_here
from async_kernel.namesakes.installed import rest_of

__all__ = ["BaseComm", "Comm"]


class BaseComm(KernelComm):
    """A comm of the kernel that runs; where somebody sets `kernel`, on the class or the comm, one of that kernel: panel
    has kernels that speak through its documents."""

    kernel: Any = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kernel = kwargs.pop("kernel", None)
        if kernel is not None:
            self.kernel = kernel
        kwargs.pop("parent", None)
        super().__init__(*args, **place_here(), **kwargs)

    def publish_msg(
        self,
        msg_type: str,
        data: Any = None,
        metadata: Any = None,
        buffers: Sequence[Any] | None = None,
        **keys: Any,
    ) -> None:
        """Publish comm_open, comm_msg or comm_close."""
        kernel = self.kernel
        if kernel is None or kernel is _running_kernel():
            super().publish_msg(msg_type, data, metadata, buffers, **keys)
            return
        kernel.session.send(
            kernel.iopub_socket,
            msg_type,
            {"data": data or {}, "comm_id": self.comm_id, **keys},
            metadata=metadata or {},
            parent=kernel.get_parent(),
            ident=self.topic,
            buffers=buffers,
        )


class Comm(BaseComm):
    """A comm of the kernel that runs: `Comm("target", data={…})` opens it."""

    # The class has them, too, as ipykernel's has: tests make their stand-ins for a comm after the class.
    comm_id: str = ""
    primary: bool = True
    target_name: str = "comm"
    target_module: str | None = None
    topic: bytes = b""

    def __init__(
        self,
        target_name: str = "comm",
        data: Any = None,
        metadata: Any = None,
        buffers: Sequence[Any] | None = None,
        show_warning: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(target_name=target_name, data=data, metadata=metadata, buffers=buffers, **kwargs)


def _running_kernel() -> Any:
    from async_kernel.ipython.shell_registry import shell_here, shells

    return shell_here().kernel if shells else None


__getattr__ = rest_of(__name__)
