"""The words of the table: a cell that shows something else here than under ipykernel."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

__all__ = ["Difference", "Kind"]

BACKENDS = ("asyncio", "trio")


class Kind(Enum):
    """What a difference is; the values are the words of the docs."""

    BETTER = "better"
    DIFFERENT = "different on purpose"
    NOT_YET = "not yet"


class Difference(NamedTuple):
    """A cell that shows something else here. Both sides are told by a text that the one has and the other has not."""

    notebook: str
    cell: str
    kind: Kind
    reason: str
    here: str
    """A text of what this kernel shows."""
    there: str
    """A text of what ipykernel shows."""
    backends: tuple[str, ...] = BACKENDS
