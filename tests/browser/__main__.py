"""What is done with a browser by hand.

python -m tests.browser hour       # an hour of JupyterLab, in some minutes; the log of the server is judged
python -m tests.browser hour --rounds=2 --kernel-spec=python3       # a part of it, on another kernel
python -m tests.browser first-cell # new notebooks with a first cell, cold and warm: milliseconds from the click
python -m tests.browser pictures   # docs/images; windows need Xvfb, tk and Qt
python -m tests.browser pictures stop.gif       # one of them; `windows` are those of hosts
python -m tests.browser site       # build/site in light, dark and narrow, to be looked at: build/screenshots/site

`hour` prints each kind of entry that the server's log has and how often, and ends with status 1 if one is among them
that a user cannot act on (`log.ALLOWED` lists those that are not the kernel's, with reasons).
"""

from __future__ import annotations

import argparse
import collections
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from . import first_cell, hour, pictures, site, windows
from .conftest import FLAGS, SIZE, find_browser, lacking
from .front_ends import Lab
from .log import entries, objections
from .server import Server, homes

DOCS = Path(__file__).parents[2] / "docs"
IMAGES = DOCS / "images"
SPECS = {"asyncio": (), "trio": ("--backend=trio",)}


def main() -> int:
    """Do as argv says; 0 if all went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser", description="What is done with a browser by hand.")
    parser.add_argument("what", choices=["hour", "first-cell", "pictures", "site"])
    parser.add_argument("names", nargs="*", help="pictures: these files; site: these pages, as guides/install")
    parser.add_argument("--rounds", type=int, default=hour.ROUNDS, help="hour: how many notebooks")
    parser.add_argument("--kernel-spec", default="", help="hour: this installed kernel instead of ours")
    asked = parser.parse_args()
    if reason := lacking():
        parser.error(reason)
    if asked.what == "site":
        for path in site.take(asked.names or site.PAGES):
            print(path)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= homes(Path(folder, "home"))
        with Server(Path(folder)) as server:
            if asked.what == "pictures":
                take_pictures(server, asked.names or [*pictures.PICTURES, "windows"])
                return 0
            if asked.what == "first-cell":
                time_first_cells(server)
                return 0
            for library, options in SPECS.items():
                server.install(f"async-{library}", *options)
            kernels = {library: asked.kernel_spec or f"async-{library}" for library in SPECS}
            if asked.kernel_spec:
                del kernels["trio"]
            with opened() as page:
                play(page, server, kernels, asked.rounds)
            return judge(server.log())


def time_first_cells(server: Server) -> None:
    """Start notebooks, with a line for each."""
    for kind, options in first_cell.KINDS.items():
        server.install(kind, *options)
    with opened() as page:
        lab = Lab(page, server)
        lab.load()
        for said in first_cell.play(lab, {kind: kind for kind in first_cell.KINDS}):
            print(said, flush=True)


def take_pictures(server: Server, names: Sequence[str]) -> None:
    """Take pictures, with a line for each."""
    with opened(scale=1.25) as page:
        lab = Lab(page, server)
        lab.kernel = "async"
        lab.load()
        for name in names:
            if name in pictures.PICTURES:
                told(pictures.take(lab, name, IMAGES))
                lab.clear()
                server.end_kernels()
    if "windows" in names:
        for path in windows.take(IMAGES):
            told(path)


def told(path: Path) -> None:
    """Say that a picture is there, and how large it is."""
    print(f"{path}: {path.stat().st_size // 1000} kB", flush=True)


def play(page: Page, server: Server, kernels: dict[str, str], rounds: int) -> None:
    """Play the hour, with a line for each round, and what the page has said."""
    lab = Lab(page, server)
    lab.load()
    began = time.monotonic()
    try:
        for told in hour.play(lab, kernels, rounds):
            print(f"{time.monotonic() - began:6.0f} s  {told}", flush=True)
        lab.clear()
        server.end_kernels()
    except BaseException:
        lab.picture(Path("build", "screenshots", "hour.png"))
        print(server.log(), file=sys.stderr)
        raise
    for said, count in collections.Counter(lab.console).items():
        print(f"{count:6} times in the browser's console: {said}")


def judge(log: str) -> int:
    """Print what the log has beside routine, by kinds; 1 if there are entries that a user cannot act on."""
    told = objections(log, allowed={})
    kinds = collections.Counter(re.sub(r"[\d-]+ [\d:.]{8,}|[0-9a-f-]{36}|\d+", "#", entry) for entry in told)
    for kind, count in kinds.most_common():
        print(f"{count:6} times in the server's log: {kind}")
    objected = objections(log)
    print(f"{len(entries(log))} entries, {len(told)} beside routine, {len(objected)} that a user cannot act on")
    for entry in objected:
        print(f"  {entry}")
    return int(bool(objected))


@contextmanager
def opened(scale: float = 1) -> Iterator[Page]:
    """A page in a Chromium of its own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        try:
            size = {"width": SIZE[0], "height": SIZE[1]}
            yield browser.new_context(viewport=size, device_scale_factor=scale).new_page()
        finally:
            browser.close()


if __name__ == "__main__":
    sys.exit(main())
