"""matplotlib's default backend in a kernel with a host: the toolkit's own, with interactive mode on.

matplotlib imports this module when the first figure is made (its backends named "module://..."). What a figure needs
comes from matplotlib's backend of the toolkit that the kernel runs in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import matplotlib
from IPython.core.getipython import get_ipython

__all__ = ["FigureCanvas", "FigureManager"]

_shell: Any = get_ipython()
_backend: Any = import_module(f"matplotlib.backends.backend_{_shell.gui_host}agg")

FigureCanvas = _backend.FigureCanvas
FigureManager = _backend.FigureManager

# As `%matplotlib` does: windows open when a figure is made, follow its changes, and `plt.show()` does not wait for
# their end, which would keep the cell from ending.
matplotlib.interactive(True)
