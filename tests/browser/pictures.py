"""The pictures of README and of the site: notebooks that run on the kernel, in JupyterLab.

`PICTURES` names each by its file below docs/images and gives the function that makes it. A picture is written with a
palette, which is a third of the bytes; the animation has a frame for each thing that a user sees happen.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from .front_ends import Lab, Notebook
from .server import MARKDOWN

__all__ = ["PICTURES", "take"]

README = [
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

PLOT = """\
import asyncio
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(6, 2.2))
shown = display(figure, display_id=True)
for step in range(1, 9):
    axes.plot([n**2 / step for n in range(50)], color=plt.cm.plasma(step / 9))
    shown.update(figure)  # drawn anew while the cell awaits
    await asyncio.sleep(0.05)
plt.close(figure)"""

SLIDER = """\
import asyncio, ipywidgets

slider = ipywidgets.IntSlider(description="how many")
moved = asyncio.get_running_loop().create_future()
slider.observe(lambda change: moved.done() or moved.set_result(change.new), "value")
slider"""
MOVED = 'print("moved to", await moved)'

STEPS = """\
import asyncio

async def total(prices):
    await asyncio.sleep(0.1)
    paid = sum(prices)
    return f"{paid} in all"

print(await total([3, 4, 5]))"""

BUSY = """\
import asyncio

done = 0
while done < 100:
    await asyncio.sleep(0.1)
    done += 1"""

WAIT = """\
import asyncio

nobody_sets_it = asyncio.get_running_loop().create_future()
print("waiting")
await nobody_sets_it"""
NEXT = 'print("and the kernel goes on")'


class Picture(NamedTuple):
    """How one picture is made."""

    size: tuple[int, int]
    """The width and height of the browser's window."""
    act: Callable[[Lab], bytes | Sequence[tuple[bytes, int]]]
    """Plays the scene, and gives a PNG, or PNGs with the milliseconds that each is shown."""


def take(lab: Lab, name: str, folder: Path) -> Path:
    """Play the scene of one picture on a page, and write it; its path."""
    picture = PICTURES[name]
    lab.page.set_viewport_size({"width": picture.size[0], "height": picture.size[1]})
    made = picture.act(lab)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if isinstance(made, bytes):
        _palette(made).save(path, optimize=True)
    else:
        first, *others = [_palette(frame) for frame, _ in made]
        durations = [shown for _, shown in made]
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
    return path


def _palette(png: bytes) -> Image.Image:
    """The picture in 128 colours, which is as good as all for text and lines."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    return image.quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def _readme(lab: Lab) -> bytes:
    with _alone(lab, "async.ipynb", *README) as page:
        page.locator(".jp-MarkdownCell").click()
        for _ in README:
            page.keyboard.press("Shift+Enter")
        expect(page.locator(".jp-CodeCell .jp-OutputArea img")).to_be_visible()
        _wait_idle(page)
        page.keyboard.press("Escape")
        page.locator(".jp-MarkdownCell").scroll_into_view_if_needed()
        page.mouse.move(0, 0)
        return page.screenshot(animations="disabled")


def _launcher(lab: Lab) -> bytes:
    lab.load()
    page = lab.page
    card = page.locator(".jp-LauncherCard").filter(has_text=lab.server.display_name(lab.kernel)).first
    card.hover()
    if page.locator("#jp-left-stack:visible").count():
        page.keyboard.press("Control+b")
    expect(page.locator("#jp-left-stack:visible")).to_have_count(0)
    expect(card.locator("img")).to_be_visible()
    card.hover()
    return page.screenshot(animations="disabled")


def _plot(lab: Lab) -> bytes:
    with _alone(lab, "plot.ipynb", PLOT) as page:
        _run(page, 0)
        _wait_ended(page, 0)
        expect(page.locator(".jp-OutputArea img")).to_be_visible()
        return _cells(page, 1)


def _widget(lab: Lab) -> bytes:
    with _alone(lab, "widget.ipynb", SLIDER, MOVED) as page:
        _run(page, 0)
        slider = page.locator(".noUi-base")
        expect(slider).to_be_visible()
        _run(page, 1)
        box = slider.bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + box["height"] / 2)
        _wait_ended(page, 1)
        expect(page.locator(".jp-CodeCell").nth(1)).to_contain_text("moved to")
        return _cells(page, 2)


def _debugger(lab: Lab) -> bytes:
    notebook = _beside(lab, "steps.ipynb", STEPS)
    debugger = notebook.debug()
    notebook.cell(0).set_breakpoint(6)
    notebook.run(0)
    debugger.wait_stopped("total Cell [*]:6", "<module> Cell [*]:8")
    debugger.wait_variable("paid", "12")
    lab.page.mouse.move(0, 0)
    return lab.page.screenshot(animations="disabled")


def _subshell(lab: Lab) -> bytes:
    notebook = _beside(lab, "busy.ipynb", BUSY)
    console = lab.open_console(notebook)
    console.wait_in_subshell()
    lab.command("console:clear")
    notebook.run(0).wait_running()
    for source in ("done", 'f"{done} of 100"'):
        expect(console.run(source).locator(".jp-OutputArea-output").first).to_be_visible()
    lab.page.mouse.move(0, 0)
    picture = lab.page.screenshot(animations="disabled")
    notebook.stop()
    notebook.wait_state("idle")
    return picture


def _stop(lab: Lab) -> Sequence[tuple[bytes, int]]:
    with _alone(lab, "stop.ipynb", WAIT, NEXT) as page:
        button = page.locator("[data-command='notebook:interrupt-kernel']")
        output = page.locator(".jp-CodeCell").first.locator(".jp-Cell-outputArea")
        frames: list[tuple[bytes, int]] = []

        def frame(shown: int) -> None:
            frames.append((page.screenshot(animations="disabled"), shown))

        pointer = _Pointer(page)
        page.locator(".jp-CodeCell .cm-content").first.click()
        pointer.point_at(page.locator(".jp-CodeCell").first, press=False)
        frame(900)
        page.keyboard.press("Shift+Enter")
        expect(output).to_contain_text("waiting")
        frame(1200)
        pointer.point_at(button, press=False)
        frame(700)
        pointer.point_at(button, press=True)
        frame(250)
        button.click()
        expect(output).to_contain_text("KeyboardInterrupt")
        pointer.point_at(button, press=False)
        frame(2200)
        page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        _wait_ended(page, 1)
        frame(2500)
        return frames


class _Pointer:
    """A pointer that is seen in pictures of the page, which show none."""

    def __init__(self, page: Page) -> None:
        self._page = page
        page.evaluate(
            """() => {
                const dot = document.createElement("div");
                dot.id = "pointer";
                dot.style = "position: fixed; width: 22px; height: 22px; margin: -11px 0 0 -11px; border-radius: 50%;" +
                    "border: 3px solid #d9480f; box-sizing: border-box; z-index: 99999; pointer-events: none";
                document.body.append(dot);
            }"""
        )

    def point_at(self, there: Locator, press: bool) -> None:
        """Stand at the middle of something; filled when a button is pressed."""
        box = there.bounding_box()
        assert box is not None
        self._page.evaluate(
            """([x, y, press]) => {
                const dot = document.getElementById("pointer");
                dot.style.left = `${x}px`;
                dot.style.top = `${y}px`;
                dot.style.background = press ? "#d9480fa0" : "#d9480f30";
            }""",
            [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, press],
        )


@contextmanager
def _alone(lab: Lab, name: str, *cells: str) -> Iterator[Any]:
    """A notebook that has the page of JupyterLab to itself."""
    page = lab.page
    path = lab.server.write(name, lab.kernel, cells)
    page.goto(lab.server.url(f"doc/tree/{path}"))
    lab.notebook(path).wait_connected()
    # A narrow window has no indicator in its toolbar; and on a busy machine the status bar may stay without a state.
    bar = page.locator("#jp-main-statusbar").filter(has_text="| Idle")
    indicator = page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    expect(bar.or_(indicator).first).to_be_attached()
    if page.locator("#jp-left-stack:visible").count():
        page.keyboard.press("Control+b")
    yield page
    lab.load()


def _beside(lab: Lab, name: str, *cells: str) -> Notebook:
    """A notebook in a tab of JupyterLab, without the list of files."""
    if lab.page.locator("#jp-left-stack:visible").count():
        lab.command("application:toggle-left-area")
    return lab.open_file(lab.server.write(name, lab.kernel, cells))


def _run(page: Page, number: int) -> None:
    page.locator(".jp-CodeCell").nth(number).locator(".cm-content").first.click()
    page.keyboard.press("Shift+Enter")


def _wait_ended(page: Page, number: int) -> None:
    prompt = page.locator(".jp-CodeCell").nth(number).locator(".jp-InputPrompt")
    expect(prompt).to_have_text(f"[{number + 1}]:")


def _wait_idle(page: Page) -> None:
    expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")


def _cells(page: Page, count: int) -> bytes:
    """The first cells and no more; the one behind them is selected."""
    page.mouse.move(0, 0)
    boxes = [page.locator(".jp-CodeCell").nth(number).bounding_box() for number in range(count)]
    first, last = boxes[0], boxes[-1]
    assert first is not None
    assert last is not None
    height = last["y"] + last["height"] - first["y"]
    clip = {"x": first["x"], "y": first["y"], "width": first["width"], "height": height}
    return page.screenshot(animations="disabled", clip=clip)


PICTURES = {
    "jupyterlab.png": Picture((960, 965), _readme),
    "launcher.png": Picture((900, 560), _launcher),
    "plot.png": Picture((900, 700), _plot),
    "widget.png": Picture((900, 700), _widget),
    "debugger.png": Picture((1100, 620), _debugger),
    "subshell.png": Picture((900, 620), _subshell),
    "stop.gif": Picture((760, 500), _stop),
}
