"""A kernel behind a Jupyter server, from Python: drive_jupyter_kernel_client.py ADDRESS TOKEN KERNEL LIBRARY

Prints, as one line of JSON, an object of what was seen at each step.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

from jupyter_kernel_client import JupyterKernelClient

PATIENCE = 45.0


class Kernel:
    """A kernel of the given spec, started through a server."""

    def __init__(self, address: str, token: str, spec: str) -> None:
        self.client = JupyterKernelClient(server_url=address, token=token)
        self.client.start(name=spec, timeout=PATIENCE)

    def execute(self, code: str, **options: Any) -> list[str]:
        """Run a cell: its status, and its outputs: printed text, results, the names of errors."""
        reply = self.client.execute(code, timeout=PATIENCE, **options)
        texts = [each.get("text") or each.get("ename") or each["data"]["text/plain"] for each in reply["outputs"]]
        return [reply["status"], *texts]

    def answer(self, _: object) -> None:
        """Answer a question."""
        self.client._manager.client.input("Ada")

    def interrupt(self) -> str:
        """Interrupt a cell once it has printed; gives the name of its error."""
        printed = Event()
        errors = []

        def hear(message: dict[str, Any]) -> None:
            if message["header"]["msg_type"] == "stream":
                printed.set()
            elif message["header"]["msg_type"] == "error":
                errors.append(message["content"]["ename"])

        code = "import time; print('in'); time.sleep(600)"
        with ThreadPoolExecutor() as pool:
            cell = pool.submit(self.client.execute_interactive, code, timeout=PATIENCE, output_hook=hear)
            assert printed.wait(PATIENCE), "a cell that prints"
            self.client.interrupt(timeout=PATIENCE)
            return " ".join([cell.result()["content"]["status"], *errors])


def main(address: str, token: str, spec: str, library: str) -> None:
    """Drive a kernel from its start to its end."""
    seen: dict[str, Any] = {}
    kernel = Kernel(address, token, spec)
    client = kernel.client
    try:
        info = client.kernel_info
        seen["information"] = info and info["implementation"]
        seen["execute"] = kernel.execute(f"import {library}; await {library}.sleep(0.01); print('slept'); 6 * 7")
        seen["error"] = kernel.execute("1 / 0")
        seen["input"] = kernel.execute("input('Who? ')", allow_stdin=True, stdin_hook=kernel.answer)
        client.set_variable("given", {"a": [1, 2]})
        kernel.execute("taken = given['a'] + [3]")
        seen["variables"] = client.get_variable("taken")
        seen["list of variables"] = [
            each["name"] for each in client.list_variables() if each["name"] in ("given", "taken")
        ]
        seen["interrupt"] = kernel.interrupt()
        client.restart(timeout=PATIENCE)
        seen["restart"] = kernel.execute("'given' in globals()")
    finally:
        client.stop(timeout=PATIENCE)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
