"""Take the pictures of the page about hosts: windows that kernels have opened, on a display of our own.

    apt-get install xvfb python3-tk                      # and what docs/guides/hosts.md lists for Qt
    pip install ".[qt]" matplotlib
    python docs/take_host_pictures.py

Each window is drawn while its cell awaits. The screen is read by Qt, whichever toolkit drew on it.
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

from jupyter_client.manager import KernelManager

IMAGES = Path(__file__).resolve().parent / "images"
PATIENCE = 60

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

READ_SCREEN = """
import sys
from PySide6.QtWidgets import QApplication
app = QApplication([])
width, height = map(int, sys.argv[2:])
app.primaryScreen().grabWindow(0, 0, 0, width, height).save(sys.argv[1])
"""


def main() -> None:
    """Take all pictures, and say where they are."""
    IMAGES.mkdir(exist_ok=True)
    with _display() as display, tempfile.TemporaryDirectory() as folder:
        os.environ |= {"DISPLAY": display, "QT_QPA_PLATFORM": "xcb", "JUPYTER_PATH": folder}
        os.environ.pop("WAYLAND_DISPLAY", None)
        for name, (host, code, size) in PICTURES.items():
            command = [sys.executable, "-m", "async_kernel", "-a", name, f"--folder={folder}/kernels", f"--host={host}"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
            picture = IMAGES / f"{name}.png"
            with _shown(name, code):
                sizes = [str(number) for number in size]
                command = [sys.executable, "-c", READ_SCREEN, str(picture), *sizes]
                subprocess.run(command, check=True, timeout=PATIENCE)
            print(f"{picture}: {picture.stat().st_size // 1000} kB")


@contextmanager
def _display() -> Iterator[str]:
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


if __name__ == "__main__":
    main()
