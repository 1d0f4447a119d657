"""Starts the kernel `async` as Jupyter finds it, runs one cell, prints where the cell ran. A program, run by tests.

What it prints: the cell's sys.prefix and the folder its async_kernel came from, on two lines.
"""

from __future__ import annotations

from jupyter_client.manager import run_kernel

CELL = """
import sys, pathlib, async_kernel
print(sys.prefix)
print(pathlib.Path(async_kernel.__file__).parents[1])
"""

with run_kernel(kernel_name="async") as client:
    printed: list[str] = []
    reply = client.execute_interactive(
        CELL, timeout=60, output_hook=lambda message: printed.append(message["content"].get("text", ""))
    )
print("".join(printed).strip())
if reply["content"]["status"] != "ok":
    raise SystemExit(str(reply["content"]))
