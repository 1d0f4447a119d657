"""`ipykernel.jsonutil`: data made fit for JSON, which the kernel itself does when it sends a message."""

from __future__ import annotations

from typing import Any

from async_kernel.namesakes.installed import rest_of

__all__ = ["encode_images", "json_clean"]


def json_clean(obj: Any) -> Any:
    """`obj` itself, as in ipykernel beside jupyter_client 7 and later."""
    return obj


def encode_images(format_dict: dict[str, Any]) -> dict[str, Any]:
    """`format_dict` itself."""
    return format_dict


__getattr__ = rest_of(__name__)
