"""Pages go to the front end, as a payload of the cell's reply (messaging spec, "Payloads")."""

from __future__ import annotations

from typing import Any

__all__ = ["show_in_pager"]


def show_in_pager(shell: Any, data: str | dict[str, Any], start: int = 0, screen_lines: int = 0) -> None:
    """Write `data`, text or a MIME bundle, as a `page` payload that begins at line `start`."""
    bundle = data if isinstance(data, dict) else {"text/plain": data}
    shell.payload_manager.write_payload({"source": "page", "data": bundle, "start": max(0, start)})
