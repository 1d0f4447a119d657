"""jedi where it fails. IPython takes each exception of its for "there are no completions", and says nothing.

jedi keeps parsed files in a cache on the disk, by parso, which writes them in place: what a process that was killed, or
a full disk, has cut off raises at each later completion, in every kernel of the user. parso's `load_module` is to give
"a module or None, if it fails". Here it does, and a file that cannot be read is removed, so that it is written anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["guard_jedi", "noting_failures"]

log = logging.getLogger(__name__)

_noted: ContextVar[list[Exception] | None] = ContextVar("noted failures of jedi", default=None)


@contextmanager
def noting_failures() -> Iterator[list[Exception]]:
    """While inside, have the exceptions noted that jedi raises in this context instead of completions. For whoever asks
    jedi then: see `guard_jedi`."""
    failures: list[Exception] = []
    before = _noted.set(failures)
    try:
        yield failures
    finally:
        _noted.reset(before)


def guard_jedi() -> None:
    """Import jedi, and have its failures noted from now on."""
    with suppress(ImportError, AttributeError):  # it is not there, or another one than we know: as good as it is
        _guard()


@cache
def _guard() -> None:
    """Once, have the cache hold no failure, and others be noted."""
    jedi: Any = import_module("jedi")
    grammar: Any = import_module("parso.grammar")
    grammar.load_module = _loading(grammar.load_module, import_module("parso.cache"))
    grammar.try_to_save_module = _saving(grammar.try_to_save_module)
    jedi.Interpreter.complete = _noting(jedi.Interpreter.complete)


def _loading(load_module: Callable[..., Any], parsed: Any) -> Callable[..., Any]:
    @wraps(load_module)
    def load(hashed_grammar: str, file_io: Any, cache_path: Any = None) -> Any:
        try:
            return load_module(hashed_grammar, file_io, cache_path=cache_path)
        except Exception as error:
            path = parsed._get_hashed_path(hashed_grammar, file_io.path, cache_path=cache_path)
            log.info("a file of jedi's cache cannot be read and is removed: %s", path, exc_info=error)
            with suppress(OSError):
                Path(path).unlink()
            parsed.parser_cache.get(hashed_grammar, {}).pop(file_io.path, None)  # it may have been something else
            return None

    return load


def _saving(save_module: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(save_module)
    def save(*arguments: Any, **options: Any) -> None:
        try:
            save_module(*arguments, **options)
        except OSError as error:  # it is kept in memory by then
            log.info("jedi's cache cannot be written", exc_info=error)

    return save


def _noting(complete: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(complete)
    def noting(*arguments: Any, **options: Any) -> Any:
        try:
            return complete(*arguments, **options)
        except Exception as error:
            failures = _noted.get()
            if failures is not None:
                failures.append(error)
            raise

    return noting
