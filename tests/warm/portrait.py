"""All that a cell can see of its process: `portrait()` is sent to a kernel as text, and gives a literal."""

from __future__ import annotations

import inspect
from typing import Any

from tests.e2e.driver import KernelDriver

OWN_MODULES = {
    "async_kernel.warm",
    "async_kernel.warm.channel",
    "async_kernel.warm.inherits",
    "async_kernel.warm.stack",
    "async_kernel.warm.standard",
    "async_kernel.warm.standby",
}
"""The modules that only a kernel has which was a standby."""


def portrait() -> dict[str, Any]:
    """Every property by its name. Numbers that differ from start to start are left out of the texts."""
    import atexit
    import faulthandler
    import gc
    import getpass
    import locale
    import logging
    import multiprocessing.spawn
    import os
    import re
    import resource
    import signal
    import site
    import sys
    import tempfile
    import threading
    import time
    import tracemalloc
    import warnings
    from pathlib import Path

    def plain(value: object) -> str:
        text = re.sub(r"0x[0-9a-f]+|/\S+\.json", "_", str(value))
        return re.sub(r"(socket|pipe|eventfd|pid):\[?\d+\]?", r"\1", text)

    def named(value: object) -> str:
        return plain(getattr(value, "__qualname__", None) or value)

    seen: dict[str, Any] = {
        "environment": list(os.environ.items()),
        "working folder": str(Path.cwd()),
        "argv": plain(sys.argv),
        "orig_argv": plain(sys.orig_argv),
        "path": sys.path,
        "flags": (str(sys.flags), str(sys._xoptions), sys.warnoptions),
        "interpreter": (sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.platlibdir),
        "finders": ([named(each) for each in sys.meta_path], [named(each) for each in sys.path_hooks]),
        "user site": (site.ENABLE_USER_SITE, site.getuserbase(), site.getusersitepackages()),
        "main": {name: plain(value) for name, value in vars(sys.modules["__main__"]).items() if name[:2] == "__"},
        "names": sorted(vars(sys.modules["__main__"])),
        "child of multiprocessing": plain(
            {
                name: value
                for name, value in multiprocessing.spawn.get_preparation_data("child").items()
                if name != "authkey"
            }
        ),
        "handlers": {int(each): named(signal.getsignal(each)) for each in signal.valid_signals()},
        "mask": sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, ()))),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "limits": [
            (name, resource.getrlimit(getattr(resource, name))) for name in dir(resource) if name[:7] == "RLIMIT_"
        ],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "user": (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups(), getpass.getuser()),
        "leads": (os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid(), os.getppid()),
        "locale": (locale.setlocale(locale.LC_ALL), locale.getlocale(), locale.getencoding()),
        "encodings": (sys.getfilesystemencoding(), sys.getfilesystemencodeerrors(), sys.getdefaultencoding()),
        "time zone": (time.tzname, time.timezone, time.localtime(0)[:6]),
        "garbage": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), gc.get_debug(), gc.garbage),
        "switching": (sys.getswitchinterval(), sys.getrecursionlimit(), threading.stack_size()),
        "hooks": [named(getattr(sys, name)) for name in ("excepthook", "displayhook", "unraisablehook")],
        "tracing": (str(sys.gettrace()), str(sys.getprofile()), tracemalloc.is_tracing(), faulthandler.is_enabled()),
        "warnings": plain(warnings.filters),
        "logging": (logging.root.level, plain(logging.root.handlers), sorted(logging.root.manager.loggerDict)),
        "temporary folder": (tempfile.tempdir, tempfile.gettempdir()),
        "exit functions": atexit._ncallbacks(),
    }
    mask = os.umask(0o777)
    os.umask(mask)
    seen["umask"] = mask
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, f"__{name}__")
        raw = getattr(stream.buffer, "raw", stream.buffer)
        seen[name] = (
            *(named(type(each)) for each in (stream, stream.buffer, raw)),
            *(getattr(stream, each) for each in ("name", "mode", "encoding", "errors", "line_buffering")),
            *(getattr(stream, each) for each in ("write_through", "newlines")),
            *(stream.isatty(), stream.seekable(), stream.fileno(), raw.closefd, raw.name),
        )
    if sys.platform == "linux":
        own = {"Umask", "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"}
        own |= {"Seccomp", "SigIgn", "SigCgt", "SigBlk", "ShdPnd", "SigPnd", "Cpus_allowed", "TracerPid"}
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        seen["status"] = {name: status[name].strip() for name in sorted(own & status.keys())}
        for name in ("cgroup", "oom_score_adj", "coredump_filter", "personality", "timerslack_ns", "comm"):
            try:
                seen[name] = Path("/proc/self", name).read_text()
            except OSError as error:
                seen[name] = type(error).__name__
        tasks = list(Path("/proc/self/task").iterdir())
        seen["system's threads"] = sorted((task / "comm").read_text() for task in tasks)
        seen["priorities"] = [os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in tasks]
        seen["scheduling"] = (os.sched_getscheduler(0), sorted(os.sched_getaffinity(0)))
        descriptors = []
        for number in sorted(int(path.name) for path in Path("/proc/self/fd").iterdir()):
            try:
                flags = Path(f"/proc/self/fdinfo/{number}").read_text().split()[3]
                # threads open theirs at the same time, in any order
                order = number if number < 3 else 3
                descriptors.append((order, plain(Path(f"/proc/self/fd/{number}").readlink()), flags))
            except OSError:  # the one by which the folder was read
                continue
        seen["descriptors"] = sorted(descriptors)
    return seen


def look(driver: KernelDriver) -> dict[str, Any]:
    """The portrait of a kernel."""
    driver.execute(f"from typing import Any\n{inspect.getsource(portrait)}").ok()
    seen: dict[str, Any] = driver.value("portrait()")
    return seen


def modules_of(driver: KernelDriver) -> set[str]:
    """The modules that a cell finds imported."""
    return set(driver.value("list(__import__('sys').modules)"))
