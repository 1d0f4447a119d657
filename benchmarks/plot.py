"""The results as a picture: a panel for each figure, a bar for each kernel.

    python benchmarks/plot.py build/benchmarks/results.json results.svg

`run.py` writes one beside its results, `page.py` one beside the page. It knows the shape of the results, and imports
nothing outside the standard library; the picture is an SVG of some kilobytes, whose text is text.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from figures import FIGURES, Figure

__all__ = ["shown", "svg"]

SHOWN: Final = ("start_info", "start_execute", "roundtrip_reply", "prints_rate", "logging_rate", "memory")
"""The figures that have a panel; the table has all."""

WIDTH: Final = 420
LABEL: Final = 130
"""Where bars begin, behind the names of the kernels."""
BAR: Final = 16
HEAD: Final = 40
COLUMNS: Final = 2

OURS: Final = "#1f6feb"
OTHERS: Final = "#9aa4b1"


def svg(results: Mapping[str, Any]) -> str:
    """The picture of `results.json`."""
    values: Mapping[str, Mapping[str, float]] = results["medians"]
    panels = shown(results)
    height = HEAD + len(values) * BAR + 24
    rows = -(-len(panels) // COLUMNS)
    machine = results["machine"]
    below = f"Medians of {results['rounds']} rounds; CPython {machine['python']}, {machine['cores']} cores."
    size = (COLUMNS * WIDTH, rows * height + 24)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" font-family="sans-serif">',
        f"<title>{escape(below)}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for number, figure in enumerate(panels):
        lines.append(f'<g transform="translate({number % COLUMNS * WIDTH},{number // COLUMNS * height})">')
        lines += panel(figure, {kernel: found[figure.name] for kernel, found in values.items() if figure.name in found})
        lines.append("</g>")
    lines += [text(8, size[1] - 8, 11, below), "</svg>"]
    return "\n".join(lines) + "\n"


def shown(results: Mapping[str, Any]) -> list[Figure]:
    """The figures that have a panel: those of `SHOWN` that some kernel gave."""
    figures = [figure for name in SHOWN for figure in FIGURES if figure.name == name]
    return [figure for figure in figures if any(figure.name in kernel for kernel in results["medians"].values())]


def panel(figure: Figure, values: Mapping[str, float]) -> Iterator[str]:
    """The title of a figure, and a bar for each kernel that gave it, from 0 on."""
    better = f"{figure.better} is better" if figure.better else ""
    yield text(8, 18, 13, figure.title, weight="bold")
    yield text(8, 33, 11, ", ".join(filter(None, [figure.unit, better])))
    most = max(values.values()) or 1
    for place, (kernel, value) in enumerate(values.items()):
        top = HEAD + place * BAR
        length = max(1, round((WIDTH - LABEL - 80) * value / most))
        colour = OURS if kernel.startswith("async") else OTHERS
        yield text(LABEL - 6, top + 12, 11, kernel, anchor="end")
        yield f'<rect x="{LABEL}" y="{top + 2}" width="{length}" height="{BAR - 4}" fill="{colour}"/>'
        yield text(LABEL + length + 5, top + 12, 11, f"{value:,.{figure.digits}f}")


def text(x: float, y: float, size: int, words: str, anchor: str = "start", weight: str = "normal") -> str:
    """A line of text."""
    style = f'font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" fill="#24292f"'
    return f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>'


def main(arguments: Sequence[str]) -> int:
    """Draw the results of the first argument into the second."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    results = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    Path(arguments[1]).write_text(svg(results), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
