"""The probes, a module for each kind of need; importing this package enters them all into the list."""

from . import (
    cells,
    children,
    comms,
    context,
    deadlines,
    debugger,
    embedding,
    floods,
    interrupts,
    life,
    loops,
    magics,
    output,
    prompts,
    statuses,
    trio_lasts,
)

__all__ = [
    "cells",
    "children",
    "comms",
    "context",
    "deadlines",
    "debugger",
    "embedding",
    "floods",
    "interrupts",
    "life",
    "loops",
    "magics",
    "output",
    "prompts",
    "statuses",
    "trio_lasts",
]
