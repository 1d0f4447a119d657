"""Pictures of windows that kernels have opened, on a display of our own: those of the page about hosts.

    apt-get install xvfb python3-tk                      # and what docs/guides/hosts.md lists for Qt
    python -m tests.browser pictures

Each window is drawn while its cell awaits. The screen is read by Pillow, whichever toolkit drew on it.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from jupyter_client.manager import KernelManager
from PIL import Image, ImageGrab
from playwright.sync_api import expect, sync_playwright

from .conftest import FLAGS, find_browser
from .front_ends import DEADLINE
from .server import Server

__all__ = ["BESIDE", "beside_a_cell", "display", "take"]

PATIENCE = 60

SIZE = (840, 560)
"""The screen that a front end fills."""

TK = """
import asyncio, tkinter
from tkinter import ttk
window = tkinter.Tk()
window.geometry("360x150+0+0")
ttk.Label(window, text="A task of the kernel counts, in Tk's main loop").pack(pady=12)
bar = ttk.Progressbar(window, length=300)
bar.pack()
async def count():
    for value in range(101):
        bar["value"] = value
        await asyncio.sleep(0.01)
ttk.Button(window, text="Count again", command=count).pack(pady=12)
for value in range(65):
    bar["value"] = value
    await asyncio.sleep(0.01)
"""

QT = """
import asyncio
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
window = QWidget()
window.setGeometry(0, 0, 360, 150)
layout = QVBoxLayout(window)
bar, button = QProgressBar(), QPushButton("Count again")
for part in (QLabel("A task of the kernel counts, in Qt's main loop"), bar, button):
    layout.addWidget(part)
async def count():
    for value in range(101):
        bar.setValue(value)
        await asyncio.sleep(0.01)
button.clicked.connect(count)
window.show()
for value in range(65):
    bar.setValue(value)
    await asyncio.sleep(0.01)
"""

FIGURE = """
import asyncio, math
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(5.6, 3.6))
figure.canvas.manager.window.setGeometry(0, 0, 560, 400)
axes.set_title("Redrawn while the cell awaits")
axes.set_xlim(0, 400); axes.set_ylim(-1, 1)
line, = axes.plot([])
for end in range(0, 401, 8):
    line.set_data(range(end), [math.sin(x / 30) * math.exp(-x / 250) for x in range(end)])
    await asyncio.sleep(0.01)
await asyncio.sleep(0.3)
"""

PICTURES = {
    "host-tk": ("tk", TK, (360, 150)),
    "host-qt": ("qt", QT, (360, 150)),
    "host-matplotlib": ("qt", FIGURE, (560, 400)),
}
"""What each picture shows: the host, the cell, and the size of the window, which is at the screen's corner."""

BESIDE = "window.png"
"""The picture of a window beside the cell that has opened it."""

CELL = """\
import asyncio, tkinter
from tkinter import ttk

window = tkinter.Tk()
window.geometry("260x90+480+425")
bar = ttk.Progressbar(window, length=200, maximum=40)
bar.pack(pady=12)
ttk.Button(window, text="Hello", command=lambda: print("clicked")).pack()

for bar["value"] in range(31):
    await asyncio.sleep(0.02)"""


def take(folder: Path) -> Iterator[Path]:
    """Take all pictures; gives the path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    with display() as name, tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        patch.setenv("QT_QPA_PLATFORM", "xcb")
        patch.setenv("JUPYTER_PATH", home)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        for stem, (host, code, size) in PICTURES.items():
            command = [
                sys.executable,
                "-m",
                "async_kernel",
                "-a",
                stem,
                f"--folder={home}/kernels",
                f"--host={host}",
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
            path = folder / f"{stem}.png"
            with _shown(stem, code):
                _grab(path, name, size)
            yield path
        with Server(Path(home)) as server:
            yield beside_a_cell(server, name, folder)


def beside_a_cell(server: Server, display: str, folder: Path) -> Path:
    """Take the picture of a window beside the cell that has opened it, in JupyterLab."""
    server.install("tk", "--host=tk", "--display_name=tk")
    path = server.write("window.ipynb", "tk", [CELL])
    with sync_playwright() as playwright:
        words = [*FLAGS, "--kiosk", f"--window-size={SIZE[0]},{SIZE[1]}", "--window-position=0,0"]
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=words, headless=False, env={**os.environ, "DISPLAY": display}
        )
        page = browser.new_page(no_viewport=True)
        page.set_default_timeout(1000 * DEADLINE)
        page.goto(server.url(f"doc/tree/{path}"))
        expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
        if page.locator("#jp-left-stack:visible").count():
            page.keyboard.press("Control+b")
        page.locator(".jp-CodeCell .cm-content").click()
        page.keyboard.press("Control+Enter")
        expect(page.locator(".jp-CodeCell .jp-InputPrompt")).to_have_text("[1]:")
        _grab(folder / BESIDE, display, SIZE)
        server.end_kernels()
        browser.close()
    return folder / BESIDE


def _grab(path: Path, display: str, size: tuple[int, int]) -> None:
    """Write the upper left of the screen to a picture."""
    screen = ImageGrab.grab(bbox=(0, 0, *size), xdisplay=display).convert("RGB")
    screen.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


@contextmanager
def display() -> Iterator[str]:
    """A display of our own (Xvfb); gives its name."""
    read, write = os.pipe()
    screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(screen, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            if not select.select([read], [], [], PATIENCE)[0]:
                raise SystemExit("Xvfb names no display")
            yield f":{os.read(read, 64).decode().strip()}"
        finally:
            server.terminate()
            os.close(read)


@contextmanager
def _shown(kernel: str, code: str) -> Iterator[None]:
    """A kernel that has run the cell, with its window open."""
    manager = KernelManager(kernel_name=kernel)
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        reply = client.execute_interactive(code, timeout=PATIENCE)
        if reply["content"]["status"] != "ok":
            raise SystemExit("the cell failed")
        yield
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
