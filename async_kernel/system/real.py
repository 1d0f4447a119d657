"""The functions that the end of a kernel needs, taken before any cell runs.

A cell may replace an attribute of any module and leave it so: a mock of `os.getpid`, a frozen clock, a faked file
system. The kernel must not send a signal to a process that such a function names. So it calls none by way of a module.
Freezegun and pyfakefs also replace the functions that they find in the globals of other modules, but they leave classes
alone: the functions are the attributes of a class.
"""

from __future__ import annotations

import _signal
import _thread
import atexit
import faulthandler
import os
import sys
import threading
import time
from typing import Final

if sys.platform == "linux":
    from time import clock_gettime

__all__ = ["real"]


class _Real:
    """Functions of the standard library, as they were when this module was imported."""

    getpid = staticmethod(os.getpid)
    getppid = staticmethod(os.getppid)
    kill = staticmethod(os.kill)
    exit = staticmethod(os._exit)
    run_exit_functions = staticmethod(atexit._run_exitfuncs)
    shut_down_threads = staticmethod(threading._shutdown)  # type: ignore[attr-defined]  # private

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)
    time = staticmethod(time.time)  # the last of its module, whose name it takes
    lock = staticmethod(_thread.allocate_lock)

    signal = staticmethod(_signal.signal)
    set_wakeup_fd = staticmethod(_signal.set_wakeup_fd)
    getsignal = staticmethod(_signal.getsignal)
    dump_traceback_later = staticmethod(faulthandler.dump_traceback_later)

    listdir = staticmethod(os.listdir)
    readlink = staticmethod(os.readlink)
    stat = staticmethod(os.stat)
    unlink = staticmethod(os.unlink)
    open = staticmethod(os.open)
    read = staticmethod(os.read)
    close = staticmethod(os.close)

    if sys.platform != "win32":
        getpgid = staticmethod(os.getpgid)
        getsid = staticmethod(os.getsid)
        pipe = staticmethod(os.pipe)
        posix_spawn = staticmethod(os.posix_spawn)
        waitpid = staticmethod(os.waitpid)
    if sys.platform == "linux":
        waitid = staticmethod(os.waitid)
        clock = staticmethod(clock_gettime)
        pidfd_open = staticmethod(os.pidfd_open)
        pidfd_send_signal = staticmethod(_signal.pidfd_send_signal)


real: Final = _Real()
"""`real.getpid()` is the id of this process, whatever `os.getpid` has become."""
