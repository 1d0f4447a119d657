"""A forked child of a cell: it has none of the kernel's threads, and the kernel's sockets are its parent's.

Its text goes the way of any child's output, its displays are written as text. Where its cell ends it ends too, as the
child of a script does where the script ends: it would else be a second kernel, on the loop of the first. Workers of
multiprocessing end by themselves, and other programs are no concern of this.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from async_kernel.kernel.request import speak_elsewhere
from async_kernel.protocol.messages import Content

__all__ = ["end_child", "is_child"]

_is_child = False
_status = 0


def is_child() -> bool:
    """Whether this process was forked from one that had imported this module, a kernel for one."""
    return _is_child


def end_child() -> None:
    """End this process if it is a forked child, with the exit status that its code would have given a script."""
    if _is_child:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):  # a cell may have put anything there
                stream.flush()
        os._exit(_status)


def _note_fork() -> None:
    global _is_child
    _is_child = True
    speak_elsewhere(_write)


def _write(msg_type: str, content: Content) -> None:
    """Write the output of a request, as far as text can show it."""
    global _status
    if msg_type == "stream":
        print(content["text"], end="", file=sys.stderr if content["name"] == "stderr" else sys.stdout)
    elif msg_type in ("display_data", "execute_result"):
        print(content["data"].get("text/plain", ""))
    elif msg_type == "error":
        said = content["evalue"]
        if content["ename"] == "SystemExit" and (said in ("", "None") or said.isdecimal()):
            _status = int(said) & 0xFF if said.isdecimal() else 0
        else:
            _status = 1
            print("\n".join(content["traceback"]), file=sys.stderr)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
