"""Runs pytest in a cell of the kernel `python3`, prints what the cell prints, and exits as pytest did.

    python inside.py [ARGUMENTS OF PYTEST]

For suites of libraries, which never start a kernel: their tests then see this kernel's shell, comms and streams.
"""

from __future__ import annotations

import sys
from typing import Any

from jupyter_client.manager import KernelManager

STARTUP = 60
DEADLINE = 300


def main(arguments: list[str]) -> int:
    """The exit status of pytest; 3, as pytest's for an internal error, if the cell fails."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=STARTUP)
        reply = client.execute_interactive(
            f"import pytest\nstatus = int(pytest.main({arguments!r}))",
            user_expressions={"status": "status"},
            allow_stdin=False,
            timeout=DEADLINE,
            output_hook=show,
        )
        status = reply["content"].get("user_expressions", {}).get("status", {})
        return int(status["data"]["text/plain"]) if status.get("status") == "ok" else 3
    finally:
        client.stop_channels()
        manager.shutdown_kernel()


def show(message: dict[str, Any]) -> None:
    """Print the text of an output."""
    content = message["content"]
    print(content.get("text") or "\n".join(content.get("traceback", [])), end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
