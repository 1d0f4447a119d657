"""Whose code runs on a thread, read from its stack. The one module that walks frames to decide something.

The problem. KeyboardInterrupt may be raised between any two bytecodes. In a cell that is the point; in the middle of a
message, or of a loop's bookkeeping, it leaves something half done and ends the kernel. Cells, tasks and callbacks of
the user, the loop and the kernel all run on the same thread, so each interrupt has to look whose turn it is.

What does not work. A flag that the kernel sets around user code lies as soon as user code calls the kernel (`print`
does), and in a coroutine it stays set while the coroutine is suspended. The names of files and functions say where code
lies, not what it does: a function that moves changes where Ctrl-C lands, and nothing fails. A list of functions handed
from object to object has to be right everywhere at once.

The solution is trio's (`trio/_core/_ki.py`): a mark stands on the function itself, and a weak map keeps, for its code
object, who answers for it (`Owner`). A decision takes one snapshot (`Stack`) and walks it outwards; the first frame
with an answer decides. Code of this package without a mark is the kernel's, and is never interrupted: to forget a mark
delays an interrupt, it does not break anything. Other code belongs to its package: a loop's, a library's, a debugger's,
and if it is none of these the user's.

`Stack.holder` is a special case: which piece of work a thread is on. `held_by` runs it in a frame of its own and keeps
its name under that frame. The walk finds the frame only where it is on the stack, so that a suspended coroutine, or a
cell under a nested loop, never counts as running.

What is given up. A user's function with the module name of a loop is taken for the loop. A callback that C code calls
directly, with no frame of Python's, is not seen. A thread runs while another one reads its stack: its frames are read
at one go, and what was seen holds only until the reader gives up the GIL.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum, auto
from functools import cached_property
from types import CodeType, FrameType
from typing import Any, ParamSpec, TypeVar
from weakref import ref

__all__ = [
    "LIBRARIES",
    "MACHINERY",
    "Owner",
    "Stack",
    "called_by_trio",
    "callers",
    "calls_checkpoint",
    "held_by",
    "is_ours",
    "mark",
    "runs_callbacks",
    "runs_loops",
    "runs_main_loop",
    "runs_user_calls",
    "runs_user_code",
    "stack_of",
]

P = ParamSpec("P")
T = TypeVar("T")


class Owner(Enum):
    """Who answers for the code of a frame."""

    USER = auto()
    """The user, or a library that is none of those below."""
    ENTRY = auto()
    """The user, by a mark: what this function runs is user code, and so is the function."""
    KERNEL = auto()
    """This package: all code of it without a mark."""
    CHECKPOINT = auto()
    """This package, by a mark: called by user code, and has nothing left to do when it calls a request's checkpoint."""
    LOOP = auto()
    """A loop, by a mark: tasks and callbacks of the user run below, but what the function itself does stays whole."""
    CALLBACKS = auto()
    """A loop, by a mark: whatever this function calls is a callback of the user's, even one of the standard library."""
    MAIN_LOOP = auto()
    """A loop, by a mark: the outermost frame of the loop of the main thread."""
    USER_CALLS = auto()
    """A loop or a call that user code has asked for, by a mark: it belongs to what asked."""
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
    """Decorator: this function runs user code. An interrupt may be raised in what it calls, and in itself."""
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


# Snapshots


class Stack:
    """The stack of a thread at one moment. All questions of one decision are asked of one snapshot.

    It keeps the variables of its frames alive, so it is not to be kept.
    """

    def __init__(self, innermost: FrameType | None) -> None:
        frames: list[FrameType] = []
        while innermost is not None:
            frames.append(innermost)
            innermost = innermost.f_back
        self.frames = frames
        """From the innermost outwards."""

    @cached_property
    def owners(self) -> list[Owner]:
        """The owners of the frames."""
        return [owner_of(frame) for frame in self.frames]

    @property
    def innermost(self) -> FrameType | None:
        """The frame in which the thread runs; None where no Python code runs."""
        return self.frames[0] if self.frames else None

    @cached_property
    def can_raise(self) -> bool:
        """Whether KeyboardInterrupt may be raised here: whether user code runs and nothing else is left half done.

        The first frame of this package decides: user code is what runs below an entry, or what a loop runs beside us
        (tasks and callbacks of the user). All else of ours, a loop's own code and a debugger have to stay whole.
        """
        for owner in self.owners:
            if owner is Owner.ENTRY:
                return True
            if owner is Owner.DEBUGGER or (owner in OURS and owner not in LOOPS):
                return False
            if owner in LOOPS:
                break
        return bool(self.frames) and self.owners[0] is not Owner.MACHINERY and self.owners[0] not in LOOPS

    @property
    def callback(self) -> FrameType | None:
        """The outermost frame of the callback or task that runs, if a loop has called it that runs us, too; None if an
        entry has: it is the work's own."""
        outermost: FrameType | None = None
        for frame, owner in zip(self.frames, self.owners, strict=True):
            if owner is Owner.ENTRY:
                return None
            if owner in LOOPS and owner is not Owner.USER_CALLS:
                break
            if owner not in (Owner.USER_CALLS, Owner.MACHINERY):
                outermost = frame
        return outermost

    @property
    def loop_callback(self) -> FrameType | None:
        """The outermost frame of user code that the main loop of this thread has called, beside the kernel's work; None
        where the kernel works, or the loop does."""
        if Owner.MAIN_LOOP not in self.owners:
            return None
        return self._called(self.owners.index(Owner.MAIN_LOOP))

    @property
    def is_called_by_loop(self) -> bool:
        """Whether a loop has called what runs here, as a callback or task: whether the first frame of ours is its."""
        end = self._first_of_ours()
        return end < len(self.frames) and self.owners[end] in LOOPS

    @property
    def called(self) -> FrameType | None:
        """The outermost frame of user code below the first frame of this package; None where there is none, but only
        code that loops are made of."""
        return self._called(self._first_of_ours())

    @property
    def inside(self) -> list[FrameType]:
        """The frames below the first one of this package."""
        return self.frames[: self._first_of_ours()]

    def _first_of_ours(self) -> int:
        return next((at for at, owner in enumerate(self.owners) if owner in OURS), len(self.frames))

    def _called(self, end: int) -> FrameType | None:
        """The outermost frame of user code among the frames up to `end`, unless the kernel has called it."""
        found: FrameType | None = None
        for at, (frame, owner) in enumerate(zip(self.frames[: end + 1], self.owners, strict=False)):
            if owner is Owner.CALLBACKS and at and self.owners[at - 1] not in OURS:
                found = self.frames[at - 1]
            elif owner in OURS and owner not in LOOPS:
                found = None
            elif owner in (Owner.USER, Owner.ENTRY, Owner.DEBUGGER):
                found = frame
        return found

    @property
    def has_entry(self) -> bool:
        """Whether a function that runs user code is on the stack."""
        return Owner.ENTRY in self.owners

    @property
    def has_user_code(self) -> bool:
        """Whether user code is on the stack, below the main loop."""
        end = self.owners.index(Owner.MAIN_LOOP) if Owner.MAIN_LOOP in self.owners else len(self.owners)
        return any(owner in (Owner.USER, Owner.ENTRY, Owner.DEBUGGER) for owner in self.owners[:end])

    @property
    def holder(self) -> object | None:
        """The work that the thread is on (`held_by`); None when it waits, or runs something that belongs to no work."""
        return next((_holders[frame] for frame in self.frames if frame in _holders), None)

    @property
    def place(self) -> tuple[str, int, str]:
        """The file, the line and the function in which the thread runs, for example `("a.py", 3, "main")`."""
        if not self.frames:
            return "", 0, ""
        code = self.frames[0].f_code
        return code.co_filename, self.frames[0].f_lineno or 0, code.co_name

    @property
    def is_held(self) -> bool:
        """Whether the thread's loop is kept from going on: by work, or by a callback or task."""
        if self.holder is not None:
            return True
        return bool(self.frames) and self.owners[0] not in OURS and self.owners[0] is not Owner.MACHINERY

    def way_out(self) -> tuple[list[FrameType], FrameType | None]:
        """The frames of user code that an exception passes on its way out, and the one that it comes out to: the entry,
        or the function of ours, that has called user code; None where there is none."""
        end = next((at for at, owner in enumerate(self.owners) if owner is Owner.ENTRY or owner in OURS), None)
        return (self.frames, None) if end is None else (self.frames[:end], self.frames[end])

    def behind_checkpoint(self) -> Stack:
        """The stack of the code that has called what calls a checkpoint; an empty one where nobody does."""
        at = next((at for at, owner in enumerate(self.owners) if owner is Owner.CHECKPOINT), len(self.frames))
        return Stack(self.frames[at].f_back if at < len(self.frames) else None)

    def outside(self) -> FrameType | None:
        """The first frame that is not of this package."""
        return next((frame for frame, owner in zip(self.frames, self.owners, strict=True) if owner not in OURS), None)


class _System:
    frames = staticmethod(sys._current_frames)  # cells replace functions of modules (see `system.real`)


def stack_of(thread: int) -> Stack:
    """The stack of a thread, by its ident; an empty one where there is no such thread."""
    return Stack(_System.frames().get(thread))


def callers() -> Stack:
    """The stack that has called the function which asks: its caller is the innermost."""
    return Stack(sys._getframe(1).f_back)


def is_ours(frame: FrameType) -> bool:
    """Whether the code of `frame` is this package's, whatever its mark says."""
    return module_of(frame).partition(".")[0] == PACKAGE


TRIO_RUN, TRIO_TASK = "trio._core._run", "task"
"""The module of trio's that runs tasks, and the local variable that it keeps the running one in. `current_task` is the
public way, but only in the thread of the loop itself."""


def called_by_trio(frame: FrameType) -> tuple[FrameType, Any]:
    """The outermost frame of what trio has called that runs at `frame`, in whichever thread, and the task in which it
    did; None for the task where trio has called nothing."""
    called, outer = frame, frame.f_back
    while outer is not None:
        module = module_of(outer)
        task = outer.f_locals.get(TRIO_TASK) if module == TRIO_RUN else None
        if task is not None and hasattr(task, "parent_nursery"):
            return called, task
        if not module.startswith("trio."):
            called = outer
        outer = outer.f_back
    return called, None


# Work

_holders: dict[FrameType, object] = {}


async def held_by(holder: object, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """What awaiting `function(*args, **kwargs)` gives. While a thread is in there, its `Stack.holder` is `holder`."""
    frame = sys._getframe()
    _holders[frame] = holder
    try:
        return await function(*args, **kwargs)
    finally:
        del _holders[frame]
