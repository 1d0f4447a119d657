"""The notebook that README shows a picture of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pytest

from .conftest import SCREENSHOTS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

    from .server import Server

pytestmark = pytest.mark.browser


def test_the_notebook_of_the_readme_runs(browser: BrowserContext, server: Server, specs: Mapping[str, str]) -> None:
    from .picture import take

    page = browser.new_page()
    try:
        take(page, server, specs["uvloop"], SCREENSHOTS / "readme.png")
    finally:
        page.close()
        server.end_kernels()
