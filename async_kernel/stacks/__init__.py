"""Whose code runs on a thread, read from its stack. The one room that reads frames to decide something.

The problem. KeyboardInterrupt may be raised between any two bytecodes. In a cell that is the point; in the middle of a
message, or of a loop's bookkeeping, it leaves something half done and ends the kernel. Cells, tasks and callbacks of
the user, the loop and the kernel all run on the same thread, so each interrupt has to look whose turn it is.

What does not work. A flag that the kernel sets around user code lies as soon as user code calls the kernel (`print`
does), and in a coroutine it stays set while the coroutine is suspended. The names of files and functions say where code
lies, not its purpose: a function that moves changes where Ctrl-C lands, and nothing fails. A list of functions handed
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
at one go, and they hold only until the reader gives up the GIL.
"""

from __future__ import annotations

from .owners import (
    Owner,
    calls_checkpoint,
    is_ours,
    mark,
    module_of,
    owner_of,
    owner_of_code,
    runs_callbacks,
    runs_loops,
    runs_main_loop,
    runs_user_calls,
    runs_user_code,
    stands_for_library,
)
from .snapshot import Stack, callers, held_by, stack_of

__all__ = [
    "Owner",
    "Stack",
    "callers",
    "calls_checkpoint",
    "held_by",
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
    "stack_of",
    "stands_for_library",
]
