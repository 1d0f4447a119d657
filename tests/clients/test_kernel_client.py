"""jupyter_kernel_client, with a Jupyter server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from ..browser.server import Server
from .conftest import DRIVERS, Run, address, seen_by
from .table import CLIENTS

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

PACKAGE = "jupyter_kernel_client"


@pytest.mark.parametrize("backend", CLIENTS[PACKAGE].backends)
def test_jupyter_kernel_client(backend: str, specs: Mapping[str, str], python: Path, server: Server, run: Run) -> None:
    arguments = [str(DRIVERS / "drive_jupyter_kernel_client.py"), *address(server), specs[backend], backend]
    assert seen_by(PACKAGE, run(str(python), *arguments)) == {
        "information": "async_kernel",
        "execute": ["ok", "slept\n", "42"],
        "error": ["error", "ZeroDivisionError"],
        "input": ["ok", "'Ada'"],
        "variables": [1, 2, 3],
        "list of variables": ["given", "taken"],
        "interrupt": "error KeyboardInterrupt",
        "restart": ["ok", "False"],
    }
