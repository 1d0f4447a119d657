"""The picture of README: a notebook that runs on the kernel, in JupyterLab."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from .front_ends import DEADLINE
from .server import MARKDOWN, Server

NAME = "async.ipynb"
SIZE = (960, 965)
CELLS = [
    f"""{MARKDOWN}\
# Cells inside an event loop

`await` at the top level, and tasks that live on when their cell has ended.""",
    """\
import asyncio, time
from IPython.display import ProgressBar

async def download(name):
    for _ in ProgressBar(40):
        await asyncio.sleep(0.02)
    print(name, "is there")

task = asyncio.create_task(download("data.csv"))""",
    """\
start = time.perf_counter()
async with asyncio.TaskGroup() as group:
    answers = [group.create_task(asyncio.sleep(0.3, n * n)) for n in range(6)]
print([answer.result() for answer in answers], f"after {time.perf_counter() - start:.1f} s")""",
    """\
import math, matplotlib.pyplot as plt

await task  # of the first cell
plt.figure(figsize=(8, 2))
for phase in range(12):
    wave = [math.sin(x / 30 + phase / 4) * math.exp(-x / 250) for x in range(400)]
    plt.plot(wave, color=plt.cm.viridis(phase / 12))
plt.axis("off");""",
]


def take(page: Page, server: Server, kernel: str, path: Path) -> None:
    """Open the notebook, run every cell as a person would, and write the picture of its result."""
    page.set_default_timeout(1000 * DEADLINE)
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    page.goto(server.url(f"doc/tree/{server.write(NAME, kernel, CELLS)}"))
    expect(page.locator("#jp-main-statusbar")).to_contain_text("| Idle")
    if page.locator("#jp-left-stack:visible").count():
        page.keyboard.press("Control+b")
    page.locator(".jp-MarkdownCell").click()
    for _ in CELLS:
        page.keyboard.press("Shift+Enter")
    expect(page.locator(".jp-CodeCell .jp-OutputArea img")).to_be_visible()
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")
    page.keyboard.press("Escape")
    page.locator(".jp-MarkdownCell").scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=path, animations="disabled")
