"""A stack as it was at one moment, and the questions that are asked of it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Collection, Coroutine
from functools import cached_property, partial
from itertools import accumulate, repeat, takewhile
from operator import call, truth
from types import CoroutineType, FrameType
from typing import Any, ParamSpec, TypeVar, overload

from .owners import LOOPS, OURS, Owner, module_of, owner_of

__all__ = [
    "Stack",
    "called_by_trio",
    "callers",
    "file_of",
    "frame_of",
    "function_of",
    "held_by",
    "method_of",
    "position_of",
    "stack_of",
    "stacks_of_all",
    "variables",
]

P = ParamSpec("P")
T = TypeVar("T")


class Stack:
    """The stack of a thread at one moment. All questions of one decision are asked of one snapshot.

    It keeps the variables of its frames alive, so it is not to be kept.
    """

    def __init__(self, innermost: FrameType | None) -> None:
        outwards = takewhile(truth, accumulate(repeat("f_back"), getattr, initial=innermost))
        self.frames: list[FrameType] = [] if innermost is None else _undisturbed(list, outwards)
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

        The first frame of this package decides: user code runs below an entry, or below a loop and beside us
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
        """Whether the first frame of ours is a loop's, which has called a callback or task."""
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
        """The stack of the caller of a function that ends with a checkpoint; an empty one where there is none."""
        at = next((at for at, owner in enumerate(self.owners) if owner is Owner.CHECKPOINT), len(self.frames))
        return Stack(self.frames[at].f_back if at < len(self.frames) else None)

    def calls_of(self, functions: Collection[Callable[..., object]]) -> list[dict[str, Any]]:
        """The variables of each call of one of `functions` that is on the stack, the innermost first."""
        codes = {getattr(function, "__code__", None) for function in functions}
        return [variables(frame) for frame in self.frames if frame.f_code in codes]

    def beyond(self, modules: Collection[str]) -> FrameType | None:
        """The first frame whose code is in none of `modules`, nor in a package among them."""
        return next((frame for frame in self.frames if not _is_in(module_of(frame), modules)), None)

    def outside(self) -> FrameType | None:
        """The first frame that is not of this package."""
        return next((frame for frame, owner in zip(self.frames, self.owners, strict=True) if owner not in OURS), None)


def _is_in(module: str, modules: Collection[str]) -> bool:
    while module and module not in modules:
        module = module.rpartition(".")[0]
    return bool(module)


# Single frames


def variables(frame: FrameType) -> dict[str, Any]:
    """The local variables of a frame."""
    found: dict[str, Any] = _undisturbed(getattr, frame, "f_locals")
    return found


def method_of(frame: FrameType) -> tuple[object, str]:
    """The name of the function that runs in `frame`, behind its first argument: for a method the object."""
    code = frame.f_code
    return (variables(frame).get(code.co_varnames[0]) if code.co_argcount else None), code.co_name


def function_of(frame: FrameType) -> str:
    """The qualified name of the function that runs in `frame`, for example "Thread.run"."""
    return frame.f_code.co_qualname


def frame_of(suspended: object, name: str) -> FrameType | None:
    """The frame of a coroutine or generator, which is its attribute of this name; None once it has ended."""
    found: FrameType | None = _undisturbed(getattr, suspended, name)
    return found


def file_of(frame: FrameType) -> str:
    """The file of the code that runs in `frame`."""
    return frame.f_code.co_filename


# Threads


class _System:
    # Cells replace functions of modules (see `system.real`).
    frames = staticmethod(sys._current_frames)
    collects, collect, rest = staticmethod(gc.isenabled), staticmethod(gc.enable), staticmethod(gc.disable)


def _undisturbed(function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(*arguments)`, a function in C that looks at frames, with no collection of garbage meanwhile.

    To look at a frame, CPython makes objects. Up to 3.11 that may start a collection, which runs Python code of
    finalizers and callbacks, and this gives the GIL up. If the thread that the frame belongs to leaves it then, CPython
    goes on with memory that has been given back, and the process dies. Later versions collect between bytecodes only.
    """
    if sys.version_info >= (3, 12) or not _System.collects():
        return function(*arguments)
    steps: tuple[Callable[[], Any], ...] = (_System.rest, partial(function, *arguments), _System.collect)
    found: Any
    try:
        _, found, _ = map(call, steps)  # all in C, where the GIL is kept: no other thread finds the collector at rest
    except BaseException:
        _System.collect()
        raise
    return found


def stack_of(thread: int) -> Stack:
    """The stack of a thread, by its ident; an empty one where there is no such thread."""
    return Stack(_System.frames().get(thread))


def stacks_of_all() -> dict[int, Stack]:
    """The stacks of all threads, by their idents."""
    return {thread: Stack(frame) for thread, frame in _System.frames().items()}


def position_of(thread: int) -> tuple[int, int] | None:
    """Where a thread stands: the same twice when it has not run a bytecode in between, or come back to the same one.
    None where there is no such thread."""
    frame = _System.frames().get(thread)
    return None if frame is None else (id(frame), frame.f_lasti)


def callers() -> Stack:
    """The stack that has called the function which asks: its caller is the innermost."""
    return Stack(sys._getframe(1).f_back)


TRIO_RUN, TRIO_TASK = "trio._core._run", "task"
"""The module of trio's that runs tasks, and the local variable that it keeps the running one in. `current_task` is the
public way, but only in the thread of the loop itself."""


def called_by_trio(frame: FrameType) -> tuple[FrameType, Any]:
    """The outermost frame below trio that has led to `frame`, in any thread, and the task that trio runs there.

    The task is None where trio is not on the stack.
    """
    called, *outwards = Stack(frame).frames
    for outer in outwards:
        module = module_of(outer)
        task = variables(outer).get(TRIO_TASK) if module == TRIO_RUN else None
        if task is not None and hasattr(task, "parent_nursery"):
            return called, task
        if not module.startswith("trio."):
            called = outer
    return called, None


# Work

_holders: dict[FrameType, object] = {}


@overload
async def held_by(
    holder: object, function: Callable[P, Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
) -> T: ...
@overload
async def held_by(
    holder: object, function: Callable[P, T | Coroutine[Any, Any, T]], /, *args: P.args, **kwargs: P.kwargs
) -> T: ...
async def held_by(holder: object, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    """The result of `function(*args, **kwargs)`, awaited if it is a coroutine. A thread that is in there has `holder`
    as `Stack.holder`."""
    frame = sys._getframe()
    _holders[frame] = holder
    try:
        given = function(*args, **kwargs)
        return await given if isinstance(given, CoroutineType) else given
    finally:
        del _holders[frame]
        # It would hold itself, and with it the holder and its request, until the garbage collector comes.
        del frame
