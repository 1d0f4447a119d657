"""Profiles of code that awaits: just its own steps are measured, and shown as IPython's `%prun` shows a profile."""

from __future__ import annotations

import io
import pstats
from collections.abc import Coroutine, Generator
from cProfile import Profile
from pathlib import Path
from typing import Any

from IPython.core import page

__all__ = ["Profiled", "show_profile"]


class Profiled:
    """A coroutine that, when awaited, is measured in `profile`; the loop's own work in between is not."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self.profile = Profile()
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        step, argument = self._coroutine.send, None
        while True:
            try:
                with self.profile:
                    awaited = step(argument)
            except StopIteration as end:
                return end.value
            try:
                argument = yield awaited
                step = self._coroutine.send
            except BaseException as error:  # a cancellation, for one: the coroutine's to handle
                argument = error
                step = self._coroutine.throw


def show_profile(profile: Profile, options: Any, ended: str) -> pstats.Stats | None:
    """Show a profile in the pager; `options` are those of `%prun`, `ended` says how the code ended, if unusually."""
    stats: Any = pstats.Stats(profile).strip_dirs().sort_stats(*options.get("s", ["time"]))
    stats.stream = text = io.StringIO()
    stats.print_stats(*map(_restriction, options.get("l", [])))
    shown = text.getvalue().rstrip()
    if "q" not in options:
        page.page(shown)
    print(ended, end=" ")
    if dump := options.get("D", [""])[0]:
        profile.dump_stats(dump)
        print(f"\n*** Profile stats marshalled to file {dump!r}.{ended}")
    if file := options.get("T", [""])[0]:
        Path(file).write_text(shown, encoding="utf-8")
        print(f"\n*** Profile printout saved to text file {file!r}.{ended}")
    given: pstats.Stats | None = stats if "r" in options else None
    return given


def _restriction(text: str) -> int | float | str:
    """The restriction for `print_stats`: a number of lines, a share of them, or a pattern."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
