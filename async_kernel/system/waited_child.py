"""The child process that a thread waits for: an interrupt of the thread is for the child, too.

Ctrl-C in a terminal reaches every process of the foreground group, and so does SIGINT as Jupyter sends it to a kernel.
The standard library counts on that: at KeyboardInterrupt `subprocess` waits a quarter of a second for the child to end
by itself, and then kills it. An interrupt that comes as a message has to reach the child by us.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType

__all__ = ["interrupt_waited_child"]

WAITS = frozenset({"wait", "communicate"})
"""The methods of `subprocess.Popen` that the others wait by."""


def interrupt_waited_child(frame: FrameType | None) -> None:
    """Send SIGINT to the child that a thread which stands at `frame` waits for by `subprocess`, if there is one.

    Only to one in our own process group: a child with a group of its own is out of the reach of Ctrl-C on purpose.
    Does nothing on Windows, where a process can be told to end, but not interrupted alone.
    """
    subprocess = sys.modules.get("subprocess")
    if sys.platform == "win32" or subprocess is None:
        return
    while frame is not None:
        if frame.f_globals is vars(subprocess) and frame.f_code.co_name in WAITS:
            child = frame.f_locals.get("self")
            if isinstance(child, subprocess.Popen):
                with suppress(OSError):  # it has ended
                    if child.returncode is None and os.getpgid(child.pid) == os.getpgrp():
                        os.kill(child.pid, signal.SIGINT)
                return
        frame = frame.f_back
