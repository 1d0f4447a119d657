"""jedi as IPython's completer asks it: after the values that are there, and within a time.

JupyterLab drops an answer that takes longer than a second, so jedi is stopped before: by an exception that a thread
sets. It stops jedi at its own thoughts only, never while a file is parsed or written to the cache, so that nothing is
left half done and the next question finds more of it done.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from IPython.core.completer import IPCompleter, cursor_to_position

from async_kernel.interrupts.delivery import throw_into
from async_kernel.ipython.jedi_faults import guard_jedi
from async_kernel.ipython.live import live_completions
from async_kernel.ipython.preparation import importing
from async_kernel.stacks import Stack, module_of, stack_of
from async_kernel.stacks.snapshot import function_of
from async_kernel.system.real import real
from async_kernel.system.service_thread import later

__all__ = ["DEADLINE_SECONDS", "JediWarmth", "look_at_values_first", "within"]

DEADLINE_SECONDS = 0.8
"""How long jedi may look for the names and types of one completion."""

LOOK_SECONDS = 0.002
"""How long until the next look whether jedi can be stopped."""

PAUSE_SECONDS = 0.5
"""How long after the first completion jedi is warmed up."""


class _TimeUp(BaseException):
    """The time for an answer is over."""


class JediWarmth:
    """Has jedi imported, and know Python's own names, soon after the first completion that did not need it: 0.4
    seconds and 26 MiB, which a kernel that completes nothing does not pay. `close()` leaves it, if it has not begun."""

    def __init__(self) -> None:
        self._timer: Any = None
        self._begun = "jedi" in sys.modules

    def begin(self) -> None:
        """Warm it up, unless that was begun."""
        if not self._begun:
            self._begun = True
            self._timer = later(PAUSE_SECONDS, warm_up)

    def close(self) -> None:
        """Do not begin any more."""
        self._begun = True
        if self._timer is not None:
            self._timer.cancel()


def warm_up() -> None:
    """Import jedi and have it read the names of Python. Nothing is forked meanwhile."""
    with importing:
        guard_jedi()
        with suppress(Exception):  # whoever completes will see
            jedi: Any = import_module("jedi")
            jedi.Interpreter("a", [{}]).complete()


def look_at_values_first(completer: IPCompleter, answered: Callable[[], None]) -> None:
    """Have `completer` look at the values that are there before it asks jedi, wherever it would ask jedi; `answered()`
    is called when those gave the answer. Settings, matchers and completers of the user stay as they are."""
    if "_jedi_matches" in vars(completer) or not hasattr(type(completer), "_jedi_matches"):
        return
    asked = False

    def matches(cursor_column: int, cursor_line: int, text: str) -> Iterator[Any]:
        nonlocal asked
        found = None
        # IPython sets it to False when jedi is asked for the first time.
        if not (asked and getattr(sys.modules.get("jedi.settings"), "case_insensitive_completion", False)):
            found = live_completions(completer, text[: cursor_to_position(text, cursor_line, cursor_column)])
        if found is not None:
            answered()
            return iter(found)
        asked = True
        answers: list[_Answer] = []
        within(DEADLINE_SECONDS, lambda: _ask(completer, cursor_column, cursor_line, text, answers))
        return iter(answers)

    completer._jedi_matches = matches


def _ask(completer: Any, cursor_column: int, cursor_line: int, text: str, answers: list[_Answer]) -> None:
    """Put the completions of jedi into `answers`, then their types as far as the setting of IPython's allows for."""
    with importing:  # or it is asked by two at once
        guard_jedi()
        found = type(completer)._jedi_matches(
            completer, cursor_column=cursor_column, cursor_line=cursor_line, text=text
        )
    answers += [_Answer(one) for one in found]
    end = real.monotonic() + completer.jedi_compute_type_timeout / 1000
    for one in answers:
        if real.monotonic() > end:
            break
        one.complete_it()


class _Answer:
    """A completion of jedi's, and its type and signatures once they were asked for."""

    __slots__ = ("_completion", "_signatures", "complete", "name", "name_with_symbols", "type")

    def __init__(self, completion: Any) -> None:
        self._completion = completion
        self._signatures: list[Any] = []
        self.name = completion.name
        self.name_with_symbols = completion.name_with_symbols
        self.complete = completion.complete
        self.type: str | None = None

    def complete_it(self) -> None:
        """Ask jedi for the rest."""
        with suppress(Exception):  # IPython does without it then
            kind = self._completion.type
            if kind == "function":
                self._signatures = self._completion.get_signatures()
            self.type = kind

    def get_signatures(self) -> list[Any]:
        """Its signatures."""
        return self._signatures


def within(seconds: float, ask: Callable[[], object]) -> bool:
    """Whether `ask()`, which thinks with jedi, came to its end in so many seconds; else it is stopped."""
    stop = _Stop(threading.get_ident())
    timer = later(seconds, stop.set_off)
    stopped = False
    try:
        try:
            ask()
        except _TimeUp:
            stopped = True
        finally:
            if not stopped:
                stop.over()
    except _TimeUp:  # of a question that had just come to its end
        stopped = True
    finally:
        if timer is not None:
            timer.cancel()
    return not stopped


class _Stop:
    """Stops one question in a thread, unless it is over before."""

    def __init__(self, thread: int) -> None:
        self._thread = thread
        self._lock = threading.Lock()
        self._over = self._thrown = False

    def set_off(self) -> None:
        """Throw as soon as jedi is seen to think. Called in another thread."""
        import ctypes  # noqa: F401  # of `throw_into`: nothing is to come between the look and the throw

        while True:
            with self._lock:
                if self._over:
                    return
                if _thinks(stack_of(self._thread)):
                    self._thrown = True
                    throw_into(self._thread, _TimeUp)
                    return
            real.sleep(LOOK_SECONDS)

    def over(self) -> None:
        """The question is over: throw no more; an exception that was thrown comes here."""
        with self._lock:
            self._over = True
        while self._thrown:
            real.sleep(0)


def _thinks(stack: Stack) -> bool:
    """Whether jedi thinks in a thread: no module is being imported there, no file parsed or written."""
    frame = stack.innermost
    if frame is None or function_of(frame) == "<module>":
        return False
    return module_of(frame).startswith("jedi.inference")
