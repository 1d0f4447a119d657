"""voila shows a notebook as a page, whose slider is moved in a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from ..browser.server import PATIENCE, Server
from .table import CLIENTS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]  # the first test makes the environment

CELL = """
import {library}, ipywidgets
await {library}.sleep(0.01)
slider = ipywidgets.IntSlider(value=3)
label = ipywidgets.Label("at 3")

slider.observe(lambda change: setattr(label, "value", f"at {{change.new}}"), "value")
ipywidgets.VBox([slider, label])
"""


@pytest.mark.parametrize("backend", CLIENTS["voila"].backends)
def test_voila(backend: str, specs: Mapping[str, str], browser: BrowserContext, server: Server) -> None:
    from playwright.sync_api import expect

    name = server.write(f"voila-{backend}.ipynb", specs[backend], [CELL.format(library=backend)])
    page = browser.new_page()
    try:
        page.goto(server.url(f"voila/render/{name}"), timeout=1000 * PATIENCE)
        expect(page.get_by_text("at 3")).to_be_visible(timeout=1000 * PATIENCE)
        page.locator(".noUi-handle").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_text("at 4")).to_be_visible(timeout=1000 * PATIENCE)
    finally:
        page.close()
