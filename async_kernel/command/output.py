"""How results are shown to a person: columns, and colour on a terminal that wants it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

__all__ = ["ask", "columns", "styled"]

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """`text` in a style ("bold", "dim", "red", "green", "yellow") on a terminal, as it is elsewhere.

    NO_COLOR (no-color.org) and TERM=dumb are heeded, FORCE_COLOR too. No library is imported for five escape codes.
    """
    stream = stream or sys.stdout
    environ = os.environ
    wanted = bool(environ.get("FORCE_COLOR")) or (
        stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb" and os.name != "nt"
    )
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if wanted and text else text


def columns(rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> list[str]:
    """The rows as lines, every column as wide as its widest cell. `styles` are those of the lines, "" for none."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))] if rows else []
    lines = []
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        style = styles[number] if number < len(styles) else ""
        lines.append(styled(line, style) if style else line)
    return lines


def ask(question: str) -> bool:
    """Whether a person at the terminal says yes. Without a terminal nobody can: that is no."""
    if not sys.stdin.isatty():
        return False
    try:
        return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        return False
