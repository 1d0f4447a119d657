"""Playwright's synchronous API in cells: it runs a loop in a greenlet, beside the kernel's loop in the same thread."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.driver import KernelDriver

from .conftest import FLAGS, find_browser, need_browser


@pytest.fixture
def kernel(backend: str, specs: Mapping[str, str], tmp_path: Path) -> Iterator[KernelDriver]:
    """A running kernel."""
    need_browser()
    driver = KernelDriver(specs[backend], backend, tmp_path)
    driver.launch()
    try:
        yield driver.wait_ready()
    finally:
        driver.close()


def test_it_works_in_cells_and_the_kernels_loop_goes_on(kernel: KernelDriver) -> None:
    def said(code: str) -> str:
        return kernel.execute(code).ok().text()

    awaits = f"import {kernel.library}; await {kernel.library}.sleep(0)"
    said("from playwright.sync_api import sync_playwright\nplaywright = sync_playwright().start()")
    said(awaits)
    said(f"browser = playwright.chromium.launch(executable_path={str(find_browser())!r}, args={FLAGS!r})")
    said("page = browser.new_page()\npage.set_content('<h1>a page</h1>')")
    assert said(f"print(page.inner_text('h1'))\n{awaits}\nprint(page.url)") == "a page\nabout:blank\n"
    said("page.on('dialog', lambda dialog: (print(dialog.message), dialog.accept()));")
    assert said("print(page.evaluate('confirm(1)'))") == "1\nTrue\n"
    expect = "with page.expect_console_message() as message: page.evaluate('console.log(5)')\nprint(message.value.text)"
    assert said(expect) == "5\n"

    for waits in ("page.wait_for_timeout(60_000)", f"await {kernel.library}.sleep(60)"):
        running = kernel.start_until_printed(f"print('in')\n{waits}", "in")
        kernel.send("interrupt_request", channel="control")
        assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
        assert said(f"{awaits}\nprint(page.inner_text('h1'))") == "a page\n"

    said("browser.close(); playwright.stop()")
    said(awaits)
    again = "with sync_playwright() as playwright: print(playwright.chromium.name)"
    assert said(again) == "chromium\n"
    said(awaits)
