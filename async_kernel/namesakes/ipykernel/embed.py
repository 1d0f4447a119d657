"""`ipykernel.embed`: kernels inside programs; this program is a kernel already."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["embed_kernel"]


def embed_kernel(module: Any = None, local_ns: Any = None, **kwargs: Any) -> NoReturn:
    """RuntimeError, with the alternative."""
    raise RuntimeError(
        "This process is a kernel already. %connect_info says how another client joins it; a second kernel, with a"
        " namespace of its own, is async_kernel.embed_kernel(namespace), as a task."
    )
