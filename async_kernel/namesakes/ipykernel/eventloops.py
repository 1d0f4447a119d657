"""`ipykernel.eventloops`: the main loops of GUI toolkits, of which a kernel of ours has one from its start on."""

from __future__ import annotations

from typing import Any

from async_kernel.namesakes.installed import rest_of

__all__ = ["enable_gui"]


def enable_gui(gui: str | None, kernel: Any = None) -> None:
    """As `%gui`: IPython's UsageError, with the next step, unless the loop of `gui` runs here."""
    from async_kernel.ipython.shell_registry import shell_here

    shell_here().enable_gui(gui)


__getattr__ = rest_of(__name__)
