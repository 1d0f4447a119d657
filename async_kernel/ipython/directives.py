"""`%%task` and `%%thread`: first lines that mark a cell to run beside others.

The kernel reads them (and `# task`, `# thread`, and the tags of a cell) before the interpreter sees the cell.
Here the line is taken out of the code, and its meaning is shown to users who ask.
"""

from __future__ import annotations

import re

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

__all__ = ["DirectiveMagics", "take_directive"]

_DIRECTIVE = re.compile(r"\s*(%%|#[ \t]*)(task|thread)\s*$")


def take_directive(lines: list[str]) -> list[str]:
    """`lines` without the directive, if they begin with one, so that another cell magic may follow it.

    The other lines keep their numbers unless one does. An input transformer of IPython's.
    """
    match = _DIRECTIVE.match(lines[0]) if lines else None
    if match is None:
        return lines
    if len(lines) > 1 and lines[1].startswith("%%"):
        return lines[1:]
    return [f"# {match[2]}\n", *lines[1:]]


@magics_class
class DirectiveMagics(Magics):
    """%%task and %%thread, for `%lsmagic`, completion and `?`."""

    @cell_magic
    def task(self, line: str, cell: str) -> None:
        """Run the cell as a task: the next cell starts while this one awaits.

        The request is answered, and shown as done, when the cell is. It has its own number, output and result; an
        interrupt ends it when no cell runs in its turn. The same as `# task` as the first line, or the tag "task".
        """
        raise UsageError("%%task has to be the first line of the cell, with nothing else on it.")

    @cell_magic
    def thread(self, line: str, cell: str) -> None:
        """Run the cell in a thread: the next cell starts while this one computes, waits or awaits.

        It may await, on a loop of its own that ends with the cell; the names that it sets are those of all cells.
        Otherwise as `%%task`. The same as `# thread` as the first line, or the tag "thread".
        """
        raise UsageError("%%thread has to be the first line of the cell, with nothing else on it.")
