"""A Jupyter server of our own: JupyterLab at /lab, Notebook 7 at /tree, with its log in a file.

It listens on the loopback interface only, on a port that is free, and has a folder for its documents and one for all
that Jupyter, IPython and matplotlib keep. Nothing of the user who runs it is read or touched.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

PATIENCE = 60.0
"""Seconds that the start and the end of a server may take; far above what is usual."""

TOKEN = "browser"

JUPYTERLAB = (
    *(sys.executable, "-m", "jupyterlab"),
    "--LabApp.expose_app_in_browser=True",  # a test opens its notebook by path, past the file browser
)
"""The command that starts a server with front ends; a server without is `python -m jupyter_server`."""

MARKDOWN = "%%markdown\n"
"""A cell whose source begins so is written as a Markdown cell."""


class Server:
    """`with Server(folder) as server:` starts it, and ends it with all its kernels.

    `program` may bring options, as traitlets have them: `(*JUPYTERLAB, "--MappingKernelManager.cull_idle_timeout=60")`.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, program: Sequence[str] = JUPYTERLAB
    ) -> None:
        self.documents = folder / "documents"
        self._home = folder / "home"
        self.runtime = Path(homes(self._home)["JUPYTER_RUNTIME_DIR"])
        self._program = program
        self._environment = {**os.environ, **homes(self._home), **(environment or {})}
        self._log = folder / "server.log"
        self.address = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Self:
        self.documents.mkdir()
        self._write_settings()
        command = [
            *(*self._program, "--no-browser", "--ip=127.0.0.1", "--allow-root"),
            *(f"--port={self.address.rpartition(':')[2]}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={self.documents}"),
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_started()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._end()

    def url(self, path: str) -> str:
        """The address of a page, with the token: `server.url("lab")`."""
        return f"{self.address}/{path}{'&' if '?' in path else '?'}token={TOKEN}"

    def log(self) -> str:
        """All that the server and its kernels have written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def install(self, name: str, *options: str) -> None:
        """Write a kernel spec with the project's own command line: `server.install("mine", "--backend=trio")`."""
        command = [sys.executable, "-m", "async_kernel", "-a", name, "--user", *options]
        subprocess.run(command, env=self._environment, check=True, capture_output=True, timeout=PATIENCE)

    def write(self, name: str, kernel: str, sources: Sequence[str]) -> str:
        """Write a notebook of these cells; return its path as front ends name it."""
        cells: list[dict[str, Any]] = []
        for number, source in enumerate(sources):
            cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}}
            if source.startswith(MARKDOWN):
                cell |= {"cell_type": "markdown", "source": source.removeprefix(MARKDOWN)}
            else:
                cell |= {"cell_type": "code", "source": source, "outputs": [], "execution_count": None}
            cells.append(cell)
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        notebook = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
        (self.documents / name).write_text(json.dumps(notebook), encoding="utf-8")
        return name

    def kernels(self) -> list[dict[str, Any]]:
        """The kernels that run, as the server's API lists them."""
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "api/kernels"))
        return found

    def display_name(self, kernel: str) -> str:
        """The name of a kernel spec as users see it."""
        specs = json.loads(self._ask("GET", "api/kernelspecs"))
        return str(specs["kernelspecs"][kernel]["spec"]["display_name"])

    def notebooks(self) -> set[str]:
        """The paths of the notebooks that have a kernel."""
        paths = {session["path"] for session in json.loads(self._ask("GET", "api/sessions"))}
        return {path for path in paths if path.endswith(".ipynb")}  # a new one has none yet

    def connections(self, path: str) -> int:
        """How many front ends are connected to the kernel of a notebook."""
        sessions = json.loads(self._ask("GET", "api/sessions"))
        return sum(session["kernel"]["connections"] for session in sessions if session["path"] == path)

    def end_kernels(self) -> None:
        """Shut all sessions down, as *Shut Down All Kernels* does."""
        for session in json.loads(self._ask("GET", "api/sessions")):
            self._ask("DELETE", f"api/sessions/{session['id']}")
        for kernel in self.kernels():
            self._ask("DELETE", f"api/kernels/{kernel['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(
            f"{self.address}/{path}", method=method, headers={"Authorization": f"token {TOKEN}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            error.close()
            if method == "DELETE" and error.code == 404:  # it has gone by itself
                return b""
            raise

    def _wait_started(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._ask("GET", "api/status")
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"the server did not start:\n{self.log()}") from None
                time.sleep(0.1)

    def _end(self) -> None:
        self._process.terminate()  # it ends its kernels
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def _write_settings(self) -> None:
        # Else it asks, in a corner of the page, whether news are welcome, and looks for them on the network.
        folder = self._home / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (folder / "notification.jupyterlab-settings").write_text(json.dumps(quiet), encoding="utf-8")
        # Of what is tested elsewhere. Panel's asks each server for one that panel would serve, ipyparallel's is in the
        # pictures.
        folder = self._home / "config" / "labconfig"
        folder.mkdir(parents=True)
        without = {"disabledExtensions": {"@pyviz/jupyterlab_pyviz": True, "ipyparallel-labextension": True}}
        (folder / "page_config.json").write_text(json.dumps(without), encoding="utf-8")


def homes(folder: Path) -> dict[str, str]:
    """The variables that put everybody's folders into this one."""
    return {
        "HOME": str(folder),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "IPYTHONDIR": str(folder / "ipython"),
        "MPLCONFIGDIR": str(folder / "matplotlib"),
    }


def free_port() -> int:
    """A port that is free, below those that the system hands out: other tests' kernels are given theirs there."""
    while True:
        port = random.randrange(20000, 30000)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
