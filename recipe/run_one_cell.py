"""Starts the installed kernel `async`, runs one cell, checks that it ran in this prefix. Run by the recipe's tests."""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_client.manager import run_kernel

CELL = "import sys, asyncio; await asyncio.sleep(0); print(sys.prefix, type(asyncio.get_running_loop()).__module__)"
DEADLINE = 60.0


def run_one_cell() -> str:
    """Return what the cell printed: its sys.prefix and the module of its event loop's class."""
    with run_kernel(kernel_name="async") as client:
        printed: list[str] = []
        reply = client.execute_interactive(
            CELL,
            timeout=DEADLINE,
            output_hook=lambda message: printed.append(message["content"].get("text", "")),
        )
        if reply["content"]["status"] != "ok":
            raise SystemExit(f"the cell failed: {reply['content']}")
    return "".join(printed).strip()


if __name__ == "__main__":
    said = run_one_cell()
    print(said)
    prefix, loop = said.rsplit(" ", 1)
    if not Path(prefix).samefile(sys.prefix):
        raise SystemExit(f"the cell ran in {prefix}, not in {sys.prefix}")
    expected = "winloop" if sys.platform == "win32" else "uvloop"
    if loop.split(".")[0] != expected:
        raise SystemExit(f"the cell ran on {loop}, not on {expected}")
