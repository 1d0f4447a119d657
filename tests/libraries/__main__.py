"""Writes docs/moving-from-ipykernel.md: `python -m tests.libraries`."""

from .page import PAGE, page

PAGE.write_text(page(), encoding="utf-8")
