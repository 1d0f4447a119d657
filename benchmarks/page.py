"""The page of the documentation, from results that were measured: pictures, captions and table.

    python benchmarks/page.py build/benchmarks/results.json

`run.py --publish` does this after it has measured. It imports nothing outside the standard library.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import picture
import plot
import report

__all__ = ["PAGE", "publish"]

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "compare" / "benchmarks.md"

TEXT: Final = """\
# Benchmarks

The figures on this page were measured on {date}, {rounds} rounds each, on a machine with {cores} cores and
CPython {python}. This command measures them again, and writes this page:

```sh
python benchmarks/run.py --publish
```

Kernels whose names begin with `async` are this kernel, on asyncio, uvloop and trio, and with encryption.
`pypi-async-kernel` is the other package of the name. `floor` is no kernel: it shows how much time Python and ZMQ alone
need.

## The most important figures

![Bar charts of {panels}; one bar for each kernel]({name}.svg)

Each bar is a median. Blue bars are this kernel, grey bars the others.

## All figures, compared with this kernel

![Chart on a logarithmic scale: the figures of each peer as multiples of those of {ours}]({name}-ratios.svg)

Each dot is a figure of another kernel, as a multiple of the same figure of `{ours}`. Dots to the right of the black
line are worse than this kernel, dots to the left are better. Dots at the edge may lie beyond it.

## The table

Each cell is a median. The number in parentheses is the ratio to ipykernel. The column *target* has the goal of
`{ours}`, as a limit or as a multiple of a peer, and then *met*, or the value that was reached.

The client allows no `input()`, so this kernel takes the run for a batch run, and [gathers text for
200 ms](../explain/decisions/gathered-text.md). The rows *first line* show that; in a front end the first line is sent
after 2 ms.

{table}
## How the figures are measured

{included}
"""

INCLUDED: Final = "```{include} ../../benchmarks/README.md\n```"


def publish(results: Mapping[str, Any], page: Path = PAGE) -> None:
    """Write the page, and its two pictures beside it."""
    machine = results["machine"]
    panels = [figure.title for figure in plot.shown(results)]
    page.with_suffix(".svg").write_text(plot.svg(results), encoding="utf-8")
    page.with_name(f"{page.stem}-ratios.svg").write_text(picture.picture(results), encoding="utf-8")
    text = TEXT.format(
        date=results["taken"][:10],
        rounds=results["rounds"],
        cores=machine["cores"],
        python=machine["python"],
        panels=", ".join(panels),
        name=page.stem,
        ours=picture.OURS,
        table=report.markdown(results),
        included=INCLUDED,
    )
    page.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Publish the results of the first argument."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    publish(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
