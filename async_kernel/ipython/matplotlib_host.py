"""matplotlib's default backend in a kernel with a host: the toolkit's own, with interactive mode on.

matplotlib imports this module when the first figure is made (its backends named "module://..."), and the kernel
for `%matplotlib qt`. The parts of a figure come from matplotlib's backend of the toolkit that the kernel runs in.
"""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import matplotlib
from IPython.core.getipython import get_ipython
from matplotlib._pylab_helpers import Gcf
from matplotlib.artist import Artist
from matplotlib.figure import Figure

__all__ = ["FigureCanvas", "FigureManager", "redraw_when_stale"]

_shell: Any = get_ipython()
_backend: Any = import_module(f"matplotlib.backends.backend_{_shell.gui_host}agg")

FigureCanvas = _backend.FigureCanvas
FigureManager = _backend.FigureManager


def redraw_when_stale(figure: Figure) -> None:
    """Have the window of `figure` follow each change of it: one of matplotlib's `figure.hooks`.

    pyplot leaves that to the end of the cell wherever there is an IPython; a cell that awaits, and callbacks of the
    toolkit, would change figures that nobody sees change.
    """
    figure.stale_callback = _redraw


def _redraw(figure: Artist, stale: bool) -> None:
    """Ask for a redraw where that is cheap and allowed: in a window (inline draws at once), in the main thread."""
    canvas = figure.canvas if isinstance(figure, Figure) else None
    if (
        stale
        and isinstance(canvas, FigureCanvas)
        and matplotlib.is_interactive()
        and not canvas.is_saving()
        and not canvas._is_idle_drawing  # or Qt would draw for ever: in drawing, axes are given their places
        and threading.current_thread() is threading.main_thread()
    ):
        canvas.draw_idle()


def _wait_for_figures() -> None:
    """Serve the windows until no figure is left, as `plt.show(block=True)` does.

    matplotlib's own for Qt waits for the last window of the application, which here may be one that no figure is in.
    """
    qt: Any = import_module("matplotlib.backends.qt_compat")
    loop = qt.QtCore.QEventLoop()
    watched: dict[Any, int] = {}

    def look() -> None:
        managers = Gcf.get_all_fig_managers()
        if not managers:
            loop.quit()
        for manager in managers:
            if manager.canvas not in watched:
                watched[manager.canvas] = manager.canvas.mpl_connect("close_event", look_soon)

    def look_soon(_: object) -> None:  # a figure that closes is there still
        qt.QtCore.QTimer.singleShot(0, look)

    look()
    try:
        if watched:
            qt._exec(loop)
    finally:
        for canvas, connection in watched.items():
            canvas.mpl_disconnect(connection)


if _shell.gui_host == "qt":
    FigureManager.start_main_loop = staticmethod(_wait_for_figures)

matplotlib.rcParams["figure.hooks"] = [*matplotlib.rcParams["figure.hooks"], f"{__name__}:redraw_when_stale"]

# As `%matplotlib` does: windows open when a figure is made, follow its changes, and `plt.show()` does not wait for
# their end, which would keep the cell from ending.
matplotlib.interactive(True)
