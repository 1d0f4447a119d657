"""The results as a picture: each kernel's figures as multiples of ours, on a logarithmic scale, in SVG.

It knows the shape of the results, nothing of how they were measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from figures import FIGURES, Figure

__all__ = ["OURS", "picture"]

OURS: Final = "async-uvloop"
"""The kernel that the others are compared with: what a front end starts where uvloop is installed."""

COLORS: Final = {
    "floor": "#999999",
    "ipykernel": "#e69f00",
    "xeus-python": "#009e73",
    "xeus-python-raw": "#56b4e9",
    "pypi-async-kernel": "#cc79a7",
}
LEFT, WIDTH, ROW, TOP = 330, 560, 22, 60
DECADES: Final = 2  # to each side


def picture(results: Mapping[str, Any]) -> str:
    """The SVG. Right of the middle line a kernel is worse than ours, left of it better; "" without figures of ours."""
    values = results["medians"]
    rows = [figure for figure in FIGURES if figure.better and values.get(OURS, {}).get(figure.name, 0) > 0]
    if not rows:
        return ""
    kernels = [name for name in COLORS if name in values]
    height = TOP + ROW * len(rows) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 20} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>'
    ]
    for number, name in enumerate(kernels):
        x = 20 + 160 * number
        parts.append(f'<circle cx="{x}" cy="18" r="5" fill="{COLORS[name]}"/><text x="{x + 10}" y="22">{name}</text>')
    for power in range(-DECADES, DECADES + 1):
        line, stroke = place(10.0**power), "#000000" if power == 0 else "#dddddd"
        label = "ours" if power == 0 else f"{10.0**power:g}x"
        parts.append(f'<line x1="{line}" x2="{line}" y1="{TOP - 8}" y2="{height - 15}" stroke="{stroke}"/>')
        parts.append(f'<text x="{line}" y="{TOP - 12}" text-anchor="middle">{label}</text>')
    for number, figure in enumerate(rows):
        y = TOP + ROW * number + ROW // 2
        parts.append(f'<text x="{LEFT - 10}" y="{y + 4}" text-anchor="end">{escape(figure.title)}</text>')
        for name in kernels:
            if (worse := times_worse(figure, values[name], values[OURS])) is not None:
                parts.append(f'<circle cx="{place(worse)}" cy="{y}" r="5" fill="{COLORS[name]}"/>')
    return "\n".join([*parts, "</svg>", ""])


def times_worse(figure: Figure, values: Mapping[str, float], ours: Mapping[str, float]) -> float | None:
    """How many times worse than ours a figure is: 2.0 for twice as long, or half as many a second."""
    value = values.get(figure.name, 0)
    if value <= 0:  # memory may have shrunk: no multiple says how much better that is
        return None
    ratio = value / ours[figure.name]
    return 1 / ratio if figure.better == "higher" else ratio


def place(worse: float) -> float:
    """Where on the scale, beyond whose ends nothing goes."""
    power = max(-DECADES, min(DECADES, math.log10(worse)))
    return round(LEFT + WIDTH * (power + DECADES) / (2 * DECADES), 1)
