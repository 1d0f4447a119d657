"""The report: medians over the rounds and ratios to the kernel that everybody knows, as a table.

It knows the shape of the results, nothing of how they were measured.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final

from figures import FIGURES, Figure
from picture import OURS

__all__ = ["REFERENCE", "markdown", "medians", "ratios", "terminal"]

REFERENCE: Final = "ipykernel"

SHARES: Final = frozenset({"prints_idle", "logging_idle"})
"""Figures that are 0 or 1 in each round; the share of the rounds says more than a median."""
SHOWN: Final = (
    "async-kernel",
    "ipykernel",
    "xeus-python",
    "ipython",
    "pyzmq",
    "tornado",
    "anyio",
    "trio",
    "uvloop",
    "orjson",
    "msgspec",
)

Medians = dict[str, dict[str, float]]


def medians(samples: Mapping[str, Mapping[str, Sequence[float]]]) -> Medians:
    """The median of each figure of each kernel: `{"ipykernel": {"memory": 71.2}}`."""
    return {
        kernel: {
            name: statistics.fmean(values) if name in SHARES else statistics.median(values)
            for name, values in figures.items()
            if values
        }
        for kernel, figures in samples.items()
    }


def ratios(values: Medians) -> Medians:
    """Each median divided by the reference's, where that was measured and is not 0."""
    reference = values.get(REFERENCE, {})
    return {
        kernel: {name: value / reference[name] for name, value in figures.items() if reference.get(name)}
        for kernel, figures in values.items()
    }


def cells(results: Mapping[str, Any]) -> list[list[str]]:
    """The table, header first: one row for each figure, one column for each kernel."""
    values: Medians = results["medians"]
    relative: Medians = results["ratios"]
    kernels = list(values)
    rows = [["figure (median)", "unit", "target", *kernels]]
    for figure in FIGURES:
        if any(figure.name in values[kernel] for kernel in kernels):
            row = [cell(figure, values[kernel], relative[kernel], kernel) for kernel in kernels]
            rows.append([figure.title, figure.unit, target(figure, values), *row])
    return rows


def target(figure: Figure, values: Medians) -> str:
    """Our target, and whether it is met: "<= 0.9 xeus-python: met", "<= 25: 28.6"; "" where there is none."""
    if figure.target is None:
        return ""
    kernel, factor = figure.target
    text = f"{'>=' if figure.better == 'higher' else '<='} {factor:g}{' ' * bool(kernel)}{kernel}"
    ours, theirs = values.get(OURS, {}).get(figure.name), values.get(kernel, {}).get(figure.name)
    if ours is None or (kernel and not theirs):
        return text
    limit = factor * theirs if kernel and theirs else factor
    met = ours >= limit if figure.better == "higher" else ours <= limit
    return f"{text}: {'met' if met else f'{ours / theirs:.2f}' if theirs else f'{ours:,.{figure.digits}f}'}"


def cell(figure: Figure, values: Mapping[str, float], relative: Mapping[str, float], kernel: str) -> str:
    """One number and its ratio, for example "38.2 (0.14x)"; "-" when it was not measured."""
    value = values.get(figure.name)
    if value is None or math.isnan(value):
        return "-"
    text = f"{value:,.{figure.digits}f}"
    ratio = relative.get(figure.name)
    if figure.better and ratio is not None and kernel != REFERENCE:
        text += f" ({ratio:,.2f}x)" if ratio < 100 else f" ({ratio:,.0f}x)"
    return text


def notes(results: Mapping[str, Any]) -> list[str]:
    """What a reader of the table has to know: the circumstances, and what could not be measured."""
    machine = results["machine"]
    lines = [
        f"{results['taken'][:10]}: {results['rounds']} rounds, size {results['size']}, CPython {machine['python']}, "
        f"{machine['system']}, "
        f"{machine['cores']} cores ({machine['processor']}), {machine['memory_gb']} GB; "
        f"load {machine['load_before']} before and {machine['load_after']} after. "
        f"Ratios in parentheses are to {REFERENCE}; the targets are those of {OURS}."
    ]
    lines += [f"Not measured: {name}: {reason.splitlines()[-1]}" for name, reason in results["not_measured"].items()]
    seen: dict[tuple[str, str, str], int] = {}
    for failure in results["failures"]:
        key = (failure["kernel"], failure["measure"], failure["reason"])
        seen[key] = seen.get(key, 0) + 1
    lines += [f"Failed {count}x: {kernel}, {measure}: {reason}" for (kernel, measure, reason), count in seen.items()]
    return lines


def terminal(results: Mapping[str, Any]) -> str:
    """The table for a terminal, in columns."""
    rows = cells(results)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join([row[0].ljust(widths[0]), row[1].ljust(widths[1]), *right(row[2:], widths[2:])]) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:], "", *notes(results)])


def right(words: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The words, filled with spaces on the left."""
    return [word.rjust(width) for word, width in zip(words, widths, strict=True)]


def markdown(results: Mapping[str, Any]) -> str:
    """The table in Markdown, with the versions below."""
    rows = cells(results)
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|---|---|" + "---:|" * (len(rows[0]) - 3))
    versions = [f"- {name}: {packages(kernel['versions'])}" for name, kernel in results["kernels"].items()]
    return "\n".join([*lines, "", *(f"{note}\n" for note in notes(results)), *versions, ""])


def packages(versions: Mapping[str, str]) -> str:
    """The versions that bear on the figures, for example "ipykernel 7.4.0, ipython 9.18.1"."""
    return ", ".join(f"{name} {versions[name]}" for name in SHOWN if name in versions)
