"""The table of clients, and the page that is written from it."""

from __future__ import annotations

from .page import PACKAGES, PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `python -m tests.clients`"


def test_the_lock_of_npm_names_no_registry() -> None:
    assert '"resolved"' not in PACKAGES.read_text(encoding="utf-8")
