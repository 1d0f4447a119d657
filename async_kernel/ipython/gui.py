"""`%gui`, and the GUI part of `%matplotlib`: which main loop there is was decided when the kernel started."""

from __future__ import annotations

from IPython.core.error import UsageError

__all__ = ["enable_gui"]

_NEED_NO_LOOP = frozenset(
    {"agg", "asyncio", "inline", "ipympl", "nbagg", "none", "notebook", "trio", "webagg", "widget"}
)


def enable_gui(gui: str | None, host: str | None) -> None:
    """Check that the loop of toolkit `gui` runs here. `host` is the toolkit whose loop the kernel runs in, or None.

    Raises IPython's UsageError with the command that makes a fitting kernel otherwise.
    """
    if not gui or gui.lower() in _NEED_NO_LOOP:
        return
    wanted = gui.lower()
    toolkit = "qt" if wanted.startswith("qt") else wanted
    if toolkit == host:
        return
    running = f"runs in the main loop of {host}" if host else "runs without a GUI main loop"
    raise UsageError(
        f"This kernel {running}, so {gui} windows would not live. Start a kernel made for it, for example "
        f"with: async-kernel -a async-{toolkit} --host={toolkit}"
    )
