"""One rule for a server's log: no line that a user cannot act on.

The server tells in lines of level info what it does, as under any kernel; these pass. All else has to be in `ALLOWED`,
with the reason: warnings and errors of the server, and whatever a kernel writes to its stdout and stderr. What stands
there was seen under another kernel as well (`pytest tests/browser --kernel-spec=python3`), or it is a traceback through
the server alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

_LEFT = "the server writes to a page that is just being left"

ALLOWED: Mapping[str, str] = MappingProxyType(
    {
        r"\[W .* ServerApp\] Notebook .* is not trusted": "the test has written the notebook, not this server",
        r"\[W .* ServerApp\] The websocket_ping_timeout": "the server's own defaults contradict each other",
        r"\[W .* ServerApp\] Got events for closed stream": "the server has closed a socket by which it asked a kernel "
        "whether it is ready, and the kernel has answered twice",
        r"\[W .* ServerApp\] A `_jupyter_server_extension_points` .* ipyparallel": "ipyparallel is older than that",
        r"\[W .* ServerApp\] .*/\.~.*\.ipynb doesn't exist": "the server lists a folder while it writes a file there",
        r"(?s)Task exception was never retrieved\nfuture: <[^\n]*\.write_message\..*WebSocketClosedError\Z": _LEFT,
        r"(?s)\[E .* ServerApp\] Uncaught exception in (ZMQStream|zmqstream) callback.*WebSocketClosedError\Z": _LEFT,
    }
)
"""Patterns of entries that say nothing about the kernel, each with the reason why they are there."""

_TASK = "Task exception was never retrieved"
_BEGIN = re.compile(rf"\[|async-kernel: |{_TASK}")
_RECORD = re.compile(r"\[(?P<level>[DIWEC]) [\d-]+ [\d:.]+ \w+\] ")


def entries(text: str) -> list[str]:
    """The entries of a log: a line, with the indented lines that belong to it.

    asyncio's report of a task that failed has lines that are not indented; it ends where the next entry begins.
    """
    found: list[str] = []
    for line in text.splitlines():
        if found and (line[:1] in (" ", "\t") or (line and found[-1].startswith(_TASK) and not _BEGIN.match(line))):
            found[-1] += f"\n{line}"
        elif line:
            found.append(line)
    return found


def objections(text: str, allowed: Mapping[str, str] = ALLOWED) -> list[str]:
    """The entries that break the rule.

    >>> objections("[I 2026-01-01 00:00:00.000 ServerApp] Kernel started: 1\\nasync-kernel: no such comm: 2")
    ['async-kernel: no such comm: 2']
    """
    return [entry for entry in entries(text) if not _is_routine(entry) and not _is_allowed(entry, allowed)]


def _is_routine(entry: str) -> bool:
    record = _RECORD.match(entry)
    return record is not None and record["level"] in "DI" and "Traceback" not in entry


def _is_allowed(entry: str, allowed: Mapping[str, str]) -> bool:
    return any(re.match(pattern, entry) for pattern in allowed)
