"""Outputs without what differs between two runs of one and the same kernel: addresses, ids, times, ports, folders."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["as_shown", "normal"]

PATTERNS = [
    (re.compile(r"\x1b\[\?25[lh]"), ""),  # the cursor is hidden or shown
    (re.compile(r"0x[0-9a-f]{6,}"), "0xADDRESS"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]*"), "TIME"),
    (re.compile(r"\d\d/\w{3}/\d{4} \d\d:\d\d:\d\d"), "TIME"),  # http.server's log
    (re.compile(r"\]8;id=\d+;"), "]8;id=N;"),  # a link of a terminal
    (re.compile(r"^( *\d+ +\d+) +[\d.]+ +[\d.]+ +[\d.]+", re.MULTILINE), r"\1 TIME"),  # line_profiler's
    (re.compile(r"\S*ipykernel_\d+/\d+\.py"), "CELL"),
    # tqdm's "00:00<00:00, 12345.67it/s]", and the blanks over a longer text that stood there
    (re.compile(r"\d\d:\d\d(<|&lt;)(\d\d:\d\d|\?),\s+(\?|[\d.]+)(it/s|s/it)(\]?) *"), r"SPEED\5"),
    (re.compile(r"\b\d+(\.\d+)?(e[-+]?\d+)? ?(s|ms|[µμ]s|ns|min|seconds)\b"), "DURATION"),
]


def normal(value: Any, texts: Mapping[str, str]) -> Any:
    """A value with the patterns replaced in all its texts, and before them each of `texts`: `{"/tmp/x": "FOLDER"}`."""
    if isinstance(value, str):
        for text, name in texts.items():
            value = value.replace(text, name)
        for pattern, name in PATTERNS:
            value = pattern.sub(name, value)
        return value
    if isinstance(value, dict):
        return {normal(key, texts): normal(item, texts) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [normal(item, texts) for item in value]
    return value


def as_shown(text: str) -> str:
    """Text as a front end shows it: what is written behind a carriage return replaces the line that stood there."""
    lines = (line.rstrip("\r").rpartition("\r") for line in text.split("\n"))
    return "\n".join(last.rstrip() for _, _, last in lines)
