"""The table: each client, and what is shown of it.

`docs/compare/clients.md` is written from it and from the locks, which name the versions (`python -m tests.clients`).
"""

from __future__ import annotations

from typing import NamedTuple

from ..conftest import BACKENDS

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
            "JupyterLab, Notebook and VS Code's extension are built on it; here in node, with a Jupyter server",
            ("asyncio", "trio"),
            "information, execute, error, number, complete, inspect, is complete, history, input, "
            "interrupt a blocking cell, interrupt an awaiting cell, comm from the front end, comm from the kernel, "
            "comms that are open, subshell, debugger, restart, restart a busy kernel, death, shutdown",
        ),
        Client(
            "jupyter_kernel_client",
            "a kernel behind a Jupyter server, from Python; agents use it",
            ("asyncio",),
            "information, execute, error, input, variables, list of variables, interrupt, restart",
        ),
        Client(
            "jupyter_kernel_gateway",
            "kernels for clients elsewhere; in its mode notebook-http, cells that answer HTTP requests",
            ("asyncio", "trio"),
            "a seeded kernel, two requests, one with a response cell",
        ),
        Client(
            "qtconsole",
            "a console in a window of Qt",
            ("asyncio",),
            "banner, execute, error, complete, inspect, several lines, input, help, interrupt, restart, exit",
        ),
        Client(
            "voila",
            "notebooks as pages, by a Jupyter server; here in a browser",
            ("asyncio", "trio"),
            "a page, a slider that is moved",
        ),
        Client(
            "jupyterhub",
            "a server for each of several users; here with JupyterLab, in a browser",
            ("uvloop",),
            "a kernel spec for the whole machine, a login, the launcher, a cell as that user",
        ),
        Client(
            "euporie",
            "a console and notebooks in a terminal",
            ("asyncio",),
            "euporie-console: execute, await, interrupt, end; euporie-preview --run",
        ),
        Client(
            "jupyter_console",
            "IPython's console for any kernel, in a terminal",
            tuple(BACKENDS),
            "execute, await, input, interrupt, exit",
        ),
        Client(
            "papermill",
            "notebooks with parameters, from a command line",
            ("asyncio", "trio"),
            "parameters, bars of progress, the log of outputs, a failing cell",
        ),
        Client("nbconvert", "notebooks executed and turned into documents", ("asyncio",), "--execute"),
        Client("jupytext", "notebooks as scripts", ("asyncio",), "a notebook made a script, and executed"),
        Client("nbval", "a plugin of pytest: outputs compared", ("asyncio",), "a notebook that passes, one that fails"),
        Client("nbmake", "a plugin of pytest", ("asyncio",), "a notebook that passes, one that fails"),
        Client("pytest-notebook", "a plugin of pytest", ("asyncio",), "a notebook that passes, one that fails"),
        Client("myst-nb", "pages of Sphinx that are executed", ("asyncio",), "cells, values within text"),
    )
}
"""Each client by its package."""
