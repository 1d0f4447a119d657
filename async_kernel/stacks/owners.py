"""Who answers for the code of a function: marks on functions, and the packages of other people's code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from enum import Enum, auto
from types import CodeType, FrameType
from typing import TypeVar
from weakref import ref

__all__ = [
    "LIBRARIES",
    "LOOPS",
    "MACHINERY",
    "OURS",
    "Owner",
    "calls_checkpoint",
    "is_ours",
    "mark",
    "module_of",
    "owner_of",
    "owner_of_code",
    "runs_callbacks",
    "runs_loops",
    "runs_main_loop",
    "runs_user_calls",
    "runs_user_code",
    "stands_for_library",
]

T = TypeVar("T")


class Owner(Enum):
    """Who answers for the code of a frame."""

    USER = auto()
    """The user, or a library that is none of those below."""
    ENTRY = auto()
    """The user, by a mark: this function runs user code, and counts as such itself."""
    KERNEL = auto()
    """This package: all code of it without a mark."""
    CHECKPOINT = auto()
    """This package, by a mark: called by user code, and has nothing left to do when it calls a request's checkpoint."""
    LOOP = auto()
    """A loop, by a mark: tasks and callbacks of the user run below, but the function itself stays whole."""
    CALLBACKS = auto()
    """A loop, by a mark: whatever this function calls is a callback of the user's, even one of the standard library."""
    MAIN_LOOP = auto()
    """A loop, by a mark: the outermost frame of the loop of the main thread."""
    USER_CALLS = auto()
    """A loop or a call that user code has asked for, by a mark: it belongs to the code that asked."""
    MACHINERY = auto()
    """Libraries that loops are made of: an exception in there is the loop's."""
    LIBRARY = auto()
    """The standard library, and libraries that wait on behalf of their caller."""
    DEBUGGER = auto()
    """A debugger, which traces and stops inside user code: an exception in there ends the tracing."""


PACKAGE = __name__.partition(".")[0]

MACHINERY = frozenset({"anyio", "asyncio", "selectors", "tkinter", "trio", "uvloop", "winloop"})
"""Top-level packages whose code is `Owner.MACHINERY`."""

LIBRARIES = sys.stdlib_module_names | {"attr", "joblib", "loky", "outcome", "sniffio", "sortedcontainers", "torch"}
"""Top-level packages whose code is `Owner.LIBRARY`: beside the standard library those that trio is made of, and those
that start processes and wait for them."""

DEBUGGERS = ("pydevd", "_pydev")
"""Prefixes of the modules of pydevd, which debugpy is made of."""

LOOPS = frozenset({Owner.LOOP, Owner.CALLBACKS, Owner.MAIN_LOOP, Owner.USER_CALLS})

OURS = LOOPS | {Owner.KERNEL, Owner.CHECKPOINT}


# Marks

_marks: dict[int, tuple[ref[CodeType], Owner]] = {}  # by identity: equal functions may have different owners


def mark(function: T, owner: Owner, inside: bool = True) -> T:
    """Mark a function or a class, which is returned: `owner` answers for its code. With `inside` also for functions,
    lambdas and comprehensions that are defined in it."""
    for code in _codes(function, inside):
        _mark(code, owner)
    return function


def _mark(code: CodeType, owner: Owner) -> None:
    key = id(code)
    _marks[key] = ref(code, lambda _: _marks.pop(key, None)), owner


def _codes(function: object, inside: bool) -> Iterator[CodeType]:
    if isinstance(function, type):
        for member in [*vars(function).values()]:
            yield from _codes(member, inside)
    elif isinstance(function, property):
        yield from _codes(function.fget, inside)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if isinstance(code, CodeType):
        yield from _within(code) if inside else (code,)


def _within(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _within(constant)


def runs_user_code(function: T) -> T:
    """Decorator: this function runs user code. An interrupt may be raised in its callees, and in itself."""
    return mark(function, Owner.ENTRY, inside=False)


def runs_loops(function: T) -> T:
    """Decorator of a function or class: it runs, or is part of, a loop in which tasks and callbacks of the user run."""
    return mark(function, Owner.LOOP)


def runs_main_loop(function: T) -> T:
    """Decorator: this function runs the loop of the main thread, or of the thread of a subshell, to its end."""
    return mark(function, Owner.MAIN_LOOP, inside=False)


def runs_callbacks(function: T) -> T:
    """Decorator: all that this function calls are callbacks of the user's."""
    return mark(function, Owner.CALLBACKS, inside=False)


def runs_user_calls(function: T) -> T:
    """Decorator of a function or class: it runs a loop, or makes a call, because user code has asked for that."""
    return mark(function, Owner.USER_CALLS)


def calls_checkpoint(function: T) -> T:
    """Decorator: this function is called by user code, and calls `Request.checkpoint` when it has done its part. So
    an interrupt may be raised out of it."""
    return mark(function, Owner.CHECKPOINT, inside=False)


def stands_for_library(function: T) -> T:
    """Decorator: user code, or a library, calls this function in place of one of a library. An interrupt may be raised
    in it, as in that one: with its last call the deed is done."""
    return mark(function, Owner.LIBRARY, inside=False)


def owner_of(frame: FrameType) -> Owner:
    """Who answers for the code of `frame`."""
    marked = owner_of_code(frame.f_code)
    if marked is not None:
        return marked
    name = module_of(frame)
    package = name.partition(".")[0]
    if package == PACKAGE:
        return Owner.KERNEL
    if package in MACHINERY:
        return Owner.MACHINERY
    if name.startswith(DEBUGGERS):
        return Owner.DEBUGGER
    return Owner.LIBRARY if package in LIBRARIES else Owner.USER


def owner_of_code(code: CodeType) -> Owner | None:
    """The mark of a function, by its code object; None where it has none."""
    marked = _marks.get(id(code))
    return None if marked is None else marked[1]


def module_of(frame: FrameType) -> str:
    """The name of the module that the code of `frame` is in, for example "asyncio.events"; "" where it has none."""
    return str(frame.f_globals.get("__name__", ""))


def is_ours(frame: FrameType) -> bool:
    """Whether the code of `frame` is this package's, whatever its mark says."""
    return module_of(frame).partition(".")[0] == PACKAGE
