"""Display data as JSON: what formatters return becomes what the wire can carry (messaging spec, "display_data").

Knows neither IPython nor requests. Not-a-number is left to the codec.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import date
from typing import Any

from async_kernel.protocol.messages import Content

__all__ = ["json_clean", "mime_bundle"]

_PLAIN = frozenset({str, int, float, bool, type(None)})


def mime_bundle(data: Mapping[str, Any] | None) -> Content:
    """`data` with binary values as base64 text and the rest fit for JSON.

    For example `{"image/png": b"\\x89PNG"}` gives `{"image/png": "iVBORw=="}`.
    """
    return {str(mime): json_clean(value) for mime, value in data.items()} if data else {}


def json_clean(value: Any) -> Any:
    """`value` made of the types of JSON: bytes as base64, tuples and sets as lists, numpy scalars as numbers,
    dates in ISO format, keys as text, anything else as its `str()`."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {_key(key): json_clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [json_clean(item) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if isinstance(value, date):
        return value.isoformat()
    return _scalar(value)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return str(key)
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    return str(key)


def _scalar(value: Any) -> Any:
    for kind in (str, bool, int, float):
        if isinstance(value, kind):
            return kind(value)
    item = getattr(value, "item", None)  # numpy's scalars and arrays of one element
    if callable(item) and getattr(value, "ndim", None) == 0:
        return json_clean(item())
    if callable(tolist := getattr(value, "tolist", None)):
        return json_clean(tolist())
    return str(value)
