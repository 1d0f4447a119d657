"""The words of the table: cells that show something else here than under ipykernel."""

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
    """Cells that show something else here, for one reason."""

    notebook: str
    cells: tuple[str, ...]
    kind: Kind
    reason: str
    here: str
    """A text that each of them shows here, and not there."""
    there: str
    """A text that each of them shows under ipykernel, and not here."""
    backends: tuple[str, ...] = BACKENDS
