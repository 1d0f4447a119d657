"""Pictures of the site's pages, to be looked at: in light, in dark, and as narrow as a telephone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from playwright.sync_api import Page, sync_playwright

from .conftest import FLAGS, SCREENSHOTS, find_browser

__all__ = ["LOOKS", "PAGES", "SITE", "sticking_out", "take"]

SITE = Path(__file__).parents[2] / "build" / "site"
"""Where docs/build.py has put the pages."""

PAGES = (
    "index",
    "start/first-notebook",
    "guides/install",
    "guides/rich-output",
    "guides/jupyterhub",
    "notebooks/tour",
    "explain/architecture",
    "reference/command-line",
    "reference/api",
    "compare/needs",
)
"""One of each kind."""

LOOKS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "light": {"color_scheme": "light", "viewport": {"width": 1400, "height": 1000}},
        "dark": {"color_scheme": "dark", "viewport": {"width": 1400, "height": 1000}},
        "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    }
)
"""How a page is looked at."""

TALLEST = 4000
"""Pixels of a page that a picture shows at most."""

STICKING_OUT = """() => {
  const article = document.querySelector("article"), right = article.getBoundingClientRect().right + 1, found = [];
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push("the page is wider than the screen");
  const look = (parent) => {
    for (const child of parent.children) {
      if (["auto", "scroll", "hidden"].includes(getComputedStyle(child).overflowX)) continue;
      const box = child.getBoundingClientRect();
      if (!child.children.length && box.width && box.right > right) found.push(child.textContent);
      look(child);
    }
  };
  look(article);
  const squeezed = [...article.querySelectorAll("td a")].filter((link) => link.getClientRects().length > 8);
  return [...found, ...squeezed.map((link) => link.textContent)];
}"""
"""The texts that stand beyond their column and cannot be scrolled to, and links in tables that fill many lines."""


def sticking_out(page: Page, path: Path) -> list[str]:
    """What does not fit on a page of the site, as wide as a desktop and as narrow as a telephone, by that look."""
    found = []
    page.goto(path.as_uri())
    for look in ("light", "narrow"):
        page.set_viewport_size(LOOKS[look]["viewport"])
        found += [f"{look}: {text}" for text in page.evaluate(STICKING_OUT)]
    return found


def take(pages: Iterable[str] = PAGES, folder: Path = SCREENSHOTS / "site", site: Path = SITE) -> Iterator[Path]:
    """Write the pictures of these pages, and give the path of each."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        for look, options in LOOKS.items():
            context = browser.new_context(**options)
            page = context.new_page()
            for name in pages:
                page.goto((site / f"{name}.html").as_uri())
                width = options["viewport"]["width"]
                height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
                path = folder / f"{name.replace('/', '-')}-{look}.png"
                page.set_viewport_size({"width": width, "height": height})
                page.screenshot(path=path)
                page.set_viewport_size(options["viewport"])
                yield path
            context.close()
        browser.close()
