"""Writes docs/compare/clients.md: `python -m tests.clients`."""

from .page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
