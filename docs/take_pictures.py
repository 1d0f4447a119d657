"""Take the picture of the README: a notebook that runs on the installed kernel, in JupyterLab, in Chromium.

    pip install . jupyterlab matplotlib playwright      # and a Chromium: apt-get install chromium
    python docs/take_pictures.py

Playwright drives the Chromium that it finds on PATH, or the one that --browser names. Everything else that is needed,
the settings of JupyterLab and of the browser included, lives in a folder that is gone afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, ViewportSize, sync_playwright

IMAGES = Path(__file__).resolve().parent / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--hide-scrollbars"),
]
SIZE = ViewportSize(width=960, height=965)
PATIENCE = 60.0
"""Seconds that any one thing may take."""

TOKEN = "picture"
NOTEBOOK = "async.ipynb"
CELLS = [
    (
        "markdown",
        "# Cells inside an event loop\n\n`await` at the top level, and tasks that live on when their cell has ended.",
    ),
    (
        "code",
        """\
import asyncio, time
from IPython.display import ProgressBar

async def download(name):
    for _ in ProgressBar(40):
        await asyncio.sleep(0.02)
    print(name, "is there")

task = asyncio.create_task(download("data.csv"))""",
    ),
    (
        "code",
        """\
start = time.perf_counter()
async with asyncio.TaskGroup() as group:
    answers = [group.create_task(asyncio.sleep(0.3, n * n)) for n in range(6)]
print([answer.result() for answer in answers], f"after {time.perf_counter() - start:.1f} s")""",
    ),
    (
        "code",
        """\
import math, matplotlib.pyplot as plt

await task  # of the first cell
plt.figure(figsize=(8, 2))
for phase in range(12):
    wave = [math.sin(x / 30 + phase / 4) * math.exp(-x / 250) for x in range(400)]
    plt.plot(wave, color=plt.cm.viridis(phase / 12))
plt.axis("off");""",
    ),
]


def main() -> None:
    """Take the picture, and say where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--browser", help="the Chromium to drive", default=_find_browser())
    parser.add_argument("--kernel", help="the kernel spec to show", default="async")
    arguments = parser.parse_args()
    if arguments.browser is None:
        parser.error("no Chromium on PATH: apt-get install chromium, or name one with --browser")
    IMAGES.mkdir(exist_ok=True)
    picture = IMAGES / "jupyterlab.png"
    with tempfile.TemporaryDirectory() as folder:
        _write_notebook(Path(folder) / NOTEBOOK, arguments.kernel)
        with _jupyterlab(folder) as address, _page(arguments.browser, folder) as page:
            _run_notebook(page, address)
            page.screenshot(path=picture)
    print(f"{picture}: {picture.stat().st_size // 1000} kB")


def _find_browser() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def _write_notebook(path: Path, kernel: str) -> None:
    cells: list[dict[str, Any]] = []
    for number, (kind, source) in enumerate(CELLS):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source}
        if kind == "code":
            cell |= {"outputs": [], "execution_count": None}
        cells.append(cell)
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    path.write_text(
        json.dumps({"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}),
        encoding="utf-8",
    )


@contextmanager
def _jupyterlab(folder: str) -> Iterator[str]:
    """JupyterLab on a port of this machine that is free, with settings of its own; gives its address."""
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    homes = {
        name: str(Path(folder) / ".jupyter" / name)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    }
    settings = Path(homes["JUPYTER_CONFIG_DIR"]) / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}  # else it asks, in a corner of the picture
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "jupyter", "lab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"),
        *("--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
        "--allow-root",
    ]
    log = Path(folder) / "jupyterlab.log"
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=os.environ | homes, stdout=output, stderr=output)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for_server(server, f"{address}/api?token={TOKEN}", log)
        yield address
    finally:
        server.terminate()  # it ends its kernels
        server.wait(PATIENCE)


def _wait_for_server(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address, timeout=PATIENCE):
                return
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"JupyterLab did not start:\n{log.read_text(encoding='utf-8')}") from None
            time.sleep(0.1)


@contextmanager
def _page(browser: str, folder: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            Path(folder) / ".browser", executable_path=browser, args=FLAGS, viewport=SIZE, device_scale_factor=1.25
        )
        try:
            context.set_default_timeout(1000 * PATIENCE)
            yield context.pages[0]
        finally:
            context.close()


def _run_notebook(page: Page, address: str) -> None:
    """Open the notebook, run every cell as a person would, and wait until the last has shown its result."""
    page.goto(f"{address}/doc/tree/{NOTEBOOK}?token={TOKEN}")
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell")
    page.wait_for_function("document.querySelector('#jp-main-statusbar').innerText.includes('| Idle')")
    if page.locator("#jp-left-stack:visible").count():
        page.keyboard.press("Control+b")
    page.locator(".jp-MarkdownCell").click()
    for _ in CELLS:
        page.keyboard.press("Shift+Enter")
    page.wait_for_selector(".jp-CodeCell .jp-OutputArea img")
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    page.keyboard.press("Escape")
    page.locator(".jp-MarkdownCell").scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    page.wait_for_timeout(500)  # what is animated comes to rest


if __name__ == "__main__":
    main()
