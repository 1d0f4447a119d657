"""The colours of source lines in tracebacks, at a quarter of the time.

stack_data derives a lexer class of its own for every frame that it colours, and pygments prepares the tables of every
class that it meets: some 5 ms a frame, three quarters of what a traceback takes. A class that changes none of the
sources of the tables can share those of the class that it is derived from.
"""

from __future__ import annotations

from typing import Any

from pygments.lexers.python import PythonLexer

__all__ = ["share_tables"]

MADE_FROM = frozenset({"tokens", "flags", "token_variants", "get_tokendefs", "process_tokendef"})
"""The attributes from which the tables of a lexer class are made."""


def share_tables() -> None:
    """Have classes that are derived from pygments' PythonLexer use its tables, where theirs would be the same. Nothing
    else changes, for whoever derives one; a second call does nothing."""
    if "__init_subclass__" not in vars(PythonLexer):
        PythonLexer()  # which prepares its tables
        PythonLexer.__init_subclass__ = classmethod(_share)


def _share(cls: Any, /, **options: Any) -> None:
    super(PythonLexer, cls).__init_subclass__(**options)
    # A pygments that keeps its tables elsewhere makes them anew, as it would without us.
    if cls.__bases__ == (PythonLexer,) and MADE_FROM.isdisjoint(vars(cls)) and "_tokens" in vars(PythonLexer):
        cls._tokens = vars(PythonLexer)["_tokens"]
