"""The table: each client, and what is shown of it.

`docs/clients.md` is written from it and from the locks, which name the versions (`python -m tests.clients`).
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["CLIENTS", "Client"]


class Client(NamedTuple):
    """A client, and how it was driven."""

    package: str
    """Its package: "papermill", "@jupyterlab/services"."""
    what: str
    """Its use, and by whom, for the page."""
    backends: tuple[str, ...]
    shown: str
    """Its steps with a kernel, in order: "execute, complete". A driver reports these."""


CLIENTS = {
    client.package: client
    for client in (
        Client(
            "@jupyterlab/services",
            "JupyterLab, Notebook and VS Code's extension stand on it; here in node, with a Jupyter server",
            ("asyncio", "trio"),
            "information, execute, error, number, complete, inspect, is complete, history, input, "
            "interrupt a blocking cell, interrupt an awaiting cell, comm from the front end, comm from the kernel, "
            "comms that are open, subshell, debugger, restart, restart a busy kernel, death, shutdown",
        ),
    )
}
"""Each client by its package."""
