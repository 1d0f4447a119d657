"""Properties that a process has from the one that started it, and that cannot be handed over: a server and a standby
compare theirs.

A standby was started earlier than a kernel that starts cold now. Where the server has changed in between, it would not
be the same kernel.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any

__all__ = ["file_mask", "inherited"]


def inherited() -> dict[str, Any]:
    """User, limits, priority, affinity, and the signals that are ignored or blocked, of the calling thread.

    Equal values mean equal kernels. JSON can say it. Empty on Windows, where there are no standbys.
    """
    if sys.platform == "win32":
        return {}
    import resource

    of_python = (signal.SIGPIPE, signal.SIGXFSZ)  # ignored by each Python, and given back by `subprocess` at each start
    names = [name for name in dir(resource) if name.startswith("RLIMIT_")]
    found: dict[str, Any] = {
        "user": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *sorted(os.getgroups())],
        "limits": {name: list(resource.getrlimit(getattr(resource, name))) for name in names},
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "ignored": sorted(
            int(number)
            for number in signal.valid_signals()
            if number not in of_python and signal.getsignal(number) == signal.SIG_IGN
        ),
        "blocked": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
    }
    if sys.platform == "linux":
        found["policy"] = os.sched_getscheduler(0)
        found["affinity"] = sorted(os.sched_getaffinity(0))
        with suppress(OSError), open("/proc/self/oom_score_adj", encoding="utf-8") as file:
            found["out of memory"] = file.read().strip()
    return found


def file_mask() -> int:
    """The umask of this process. Where the system does not tell it, it is set for a moment, to the strictest."""
    with suppress(OSError, ValueError), open("/proc/self/status", encoding="utf-8") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o777)
    os.umask(mask)
    return mask
