"""One notebook under one kernel: all that a front end is shown of each cell.

nbclient is the front end, as it keeps what is shown as notebooks keep it. The comms and the pager, which it does not
keep, are kept here.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat

from .cells import Cell
from .normal import as_shown, normal

__all__ = ["Seen", "execute"]

DEADLINE = 120
"""Seconds that a cell may take: the first one imports what it shows."""

Seen = dict[str, Any]
"""What a cell has shown, normalised: its text ("stdout", "stderr"), "shown" (results, displays, errors), the "status"
and the "payload" (the pager) of its reply, and the "comms" that it has opened, each with its state at the end."""


def execute(cells: list[Cell], kernel: str, backend: str, folder: Path) -> dict[str, Seen]:
    """What each cell has shown: `{"pandas: a table": {"stdout": "", ...}}`. `folder` is where the cells run.

    Cells that do not run on the backend do nothing, so that the others have the same numbers.
    """
    codes = [cell.code if cell.runs_on(backend) else "pass" for cell in cells]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in codes])
    client = Client(
        book, kernel_name=kernel, timeout=DEADLINE, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    # Under pytest, which it knows by this name, ipykernel leaves the descriptors of its process alone.
    client.execute(env={name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"})
    texts = {str(folder): "FOLDER"}
    return {cell.name: normal(client.seen(index), texts) for index, cell in enumerate(cells)}


class Client(nbclient.NotebookClient):
    """nbclient, which keeps comms and the payload of replies as well."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, on_cell_executed=self._keep_reply, **options)
        self._comms: dict[str, dict[str, Any]] = {}
        self._opened: dict[int, list[str]] = {}
        self._replies: dict[int, dict[str, Any]] = {}

    def seen(self, index: int) -> Seen:
        """What a cell has shown, as it came."""
        outputs = self.nb.cells[index].outputs
        streams = [output for output in outputs if output["output_type"] == "stream"]
        text = {
            name: as_shown("".join(output["text"] for output in streams if output["name"] == name))
            for name in ("stdout", "stderr")
        }
        return {
            **text,
            "shown": [dict(output) for output in outputs if output["output_type"] != "stream"],
            **self._replies[index],
            "comms": [self._comms[each] for each in self._opened.get(index, [])],
        }

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        """Keep what the comms say, and go on."""
        content = msg["content"]
        if msg["msg_type"] == "comm_open":
            new = {"target": content["target_name"], "state": {}, "said": [], "closed": False}
            self._comms[content["comm_id"]] = new
            self._opened.setdefault(cell_index, []).append(content["comm_id"])
        if msg["msg_type"].startswith("comm_") and (comm := self._comms.get(content["comm_id"])):
            buffers = [hashlib.sha256(buffer).hexdigest()[:8] for buffer in msg["buffers"]]
            data = content["data"]
            if isinstance(data, dict) and "state" in data:  # a widget's
                paths = [".".join(map(str, path)) for path in data["buffer_paths"]]
                comm["state"] |= data["state"] | dict(zip(paths, buffers, strict=True))
            elif data or buffers:
                comm["said"].append({"data": data, "buffers": buffers})
            comm["closed"] |= msg["msg_type"] == "comm_close"
        return super().process_message(msg, cell, cell_index)

    def _keep_reply(self, cell_index: int, execute_reply: dict[str, Any], **_: Any) -> None:
        content = execute_reply["content"]
        self._replies[cell_index] = {"status": content["status"], "payload": content.get("payload", [])}
