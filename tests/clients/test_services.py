"""JupyterLab's own client in node, with a Jupyter server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ..browser.server import Server
from .conftest import DRIVERS, Run, address, seen_by
from .table import CLIENTS

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

PACKAGE = "@jupyterlab/services"


@pytest.mark.parametrize("backend", CLIENTS[PACKAGE].backends)
def test_jupyterlabs_client(backend: str, specs: Mapping[str, str], modules: Path, server: Server, run: Run) -> None:
    arguments = [str(DRIVERS / "services.mjs"), *address(server), specs[backend], backend]
    assert seen_by(PACKAGE, run("node", *arguments, folder=modules)) == {
        "information": ["async_kernel", "5", "python", ["kernel subshells", "debugger"]],
        "execute": ["ok", "slept\n", "42"],
        "error": ["error", "", "ZeroDivisionError"],
        "number": 3,
        "complete": [22, 26, ["ascii_letters", "ascii_lowercase"]],
        "inspect": [True, True],
        "is complete": {"status": "incomplete", "indent": "    "},
        "history": [[3, "pass"]],
        "input": ["Who? ", "Ada\n"],
        "interrupt a blocking cell": ["error", "aborted", "KeyboardInterrupt"],
        "interrupt an awaiting cell": ["error", "aborted", "KeyboardInterrupt"],
        "comm from the front end": [{"was": {"hello": 1}}, "in\ntold while busy\n"],
        "comm from the kernel": [{"a": 1}, {"b": 2}, ["three"]],
        "comms that are open": [{"target_name": "back"}],
        "subshell": [True, "ok", "beside\n", "in\nout\n", True, "ok"],
        "debugger": [True, True, True],
        "restart": ["ok", "False\n", True],
        "restart a busy kernel": ["ok", "", "2"],
        "death": ["autorestarting", "ok", "", "'again'"],
        "shutdown": [True, 0],
    }
