"""How much of the machine this process and its children use, and how much is left.

jupyter-resource-usage asks for it every few seconds, by a `usage_request`, and shows it in JupyterLab's side bar.
psutil measures where it is installed: it knows each system, and the extension brings it along. It is no dependency,
since nothing else of the kernel needs it. Without it Linux is asked by its `/proc`, and other systems are asked for the
figures of this process alone.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol

__all__ = ["ProcUsage", "PsutilUsage", "SelfUsage", "Usage", "measure_with"]


class Usage(Protocol):
    """A way to measure. One thread at a time; percentages are of the time since the call before."""

    def read(self) -> dict[str, Any]:
        """The fields of a `usage_reply`; those that cannot be known are left out. For example
        `{"hostname": "lab", "pid": 4711, "cpu_count": 2, "kernel_cpu": 12.5, "kernel_memory": 71328768,
        "host_cpu_percent": 7.0, "host_virtual_memory": {"total": ..., "available": ..., "percent": 2.1, "used": ...}}`.
        `kernel_cpu` is in percent of one processor, `kernel_memory` in bytes, both with the child processes."""


def measure_with(psutil: ModuleType | None, platform: str = sys.platform) -> Usage:
    """The best way to measure on a system, with psutil or without it."""
    if psutil is not None:
        return PsutilUsage(psutil)
    return ProcUsage(Path("/proc")) if platform == "linux" else SelfUsage()


def _process() -> dict[str, Any]:
    return {"hostname": socket.gethostname(), "pid": os.getpid(), "cpu_count": os.cpu_count()}


class PsutilUsage:
    """The figures of psutil."""

    def __init__(self, psutil: Any) -> None:
        self._psutil = psutil
        self._processes: list[Any] = []  # a process compares the times of two calls, so the object has to be the same
        self._is_first = True

    def read(self) -> dict[str, Any]:
        """See `Usage.read`."""
        psutil = self._psutil
        this = psutil.Process()
        known = {process: process for process in self._processes}
        self._processes = [known.get(process, process) for process in (this, *this.children(recursive=True))]
        percent, memory = 0.0, 0
        for process in self._processes:
            with suppress(psutil.Error):  # it has ended meanwhile
                percent, memory = percent + process.cpu_percent(), memory + process.memory_info().rss
        fields = _process() | {"kernel_cpu": percent, "kernel_memory": memory}
        host_percent = psutil.cpu_percent()
        if not self._is_first:  # the first one compares with nothing
            fields["host_cpu_percent"] = host_percent
        self._is_first = False
        return fields | {"host_virtual_memory": psutil.virtual_memory()._asdict()}


class _Sample(NamedTuple):
    """The figures to compare with the next call's: seconds of processor time, by process; the machine's, busy and
    all."""

    at: float
    processes: Mapping[int, float]
    busy: float
    all: float


class ProcUsage:
    """The figures of Linux in `proc` (proc(5): /proc/pid/stat, /proc/stat, /proc/meminfo)."""

    def __init__(self, proc: Path) -> None:
        self._proc = proc
        self._before: _Sample | None = None

    def read(self) -> dict[str, Any]:
        """See `Usage.read`."""
        pages, seconds = 0, {}
        for pid in (os.getpid(), *_children()):
            with suppress(OSError, ValueError, IndexError):  # it has ended meanwhile
                seconds[pid], resident = parse_stat((self._proc / str(pid) / "stat").read_text("utf-8", "replace"))
                pages += resident
        busy, total = parse_processors((self._proc / "stat").read_text("ascii", "replace"))
        now, before = _Sample(time.monotonic(), seconds, busy, total), self._before
        self._before = now
        fields = _process() | {"kernel_cpu": 0.0, "kernel_memory": pages * _PAGE}
        if before is not None and now.at > before.at and total > before.all:
            used = sum(spent - before.processes[pid] for pid, spent in seconds.items() if pid in before.processes)
            fields["kernel_cpu"] = round(100 * used / (now.at - before.at), 1)
            fields["host_cpu_percent"] = round(100 * (busy - before.busy) / (total - before.all), 1)
        return fields | {"host_virtual_memory": parse_memory((self._proc / "meminfo").read_text("ascii", "replace"))}


class SelfUsage:
    """The figures that Python has of this process alone, on any system. Its memory is the most that it has had."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def read(self) -> dict[str, Any]:
        """See `Usage.read`."""
        now, before = (time.monotonic(), time.process_time()), self._before
        self._before = now
        fields = _process() | {"kernel_cpu": 0.0}
        if before is not None and now[0] > before[0]:
            fields["kernel_cpu"] = round(100 * (now[1] - before[1]) / (now[0] - before[0]), 1)
        if sys.platform != "win32":
            from resource import RUSAGE_SELF, getrusage

            unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2) of either
            fields["kernel_memory"] = getrusage(RUSAGE_SELF).ru_maxrss * unit
        return fields


def _children() -> Iterable[int]:
    if sys.platform != "win32":
        from .processes import family, list_processes

        return family(os.getpid(), list_processes())
    return ()


def parse_stat(text: str) -> tuple[float, int]:
    """The seconds of processor time and the pages of memory in the text of a /proc/pid/stat."""
    fields = text.rpartition(")")[2].split()  # from the third on: the second, a name, may have any character in it
    return (int(fields[11]) + int(fields[12])) / _TICKS, int(fields[21])


def parse_processors(text: str) -> tuple[float, float]:
    """The seconds that all processors were busy, and all their seconds, in the text of /proc/stat.

    For example (2.0, 10.0) for "cpu 100 0 100 700 100 0 0 0 0 0", where a second has 100 ticks.
    """
    user, nice, system, idle, waiting, *others = (int(field) for field in text.splitlines()[0].split()[1:9])
    busy = user + nice + system + sum(others)
    return busy / _TICKS, (busy + idle + waiting) / _TICKS


def parse_memory(text: str) -> dict[str, float]:
    """The machine's memory in the text of /proc/meminfo, under psutil's names, in bytes.

    >>> parse_memory("MemTotal: 4 kB\\nMemFree: 1 kB\\nMemAvailable: 3 kB\\n")
    {'total': 4096, 'available': 3072, 'percent': 25.0, 'used': 1024, 'free': 1024}
    """
    sizes = {name: int(rest.split()[0]) << 10 for name, _, rest in (line.partition(":") for line in text.splitlines())}
    total, free = sizes["MemTotal"], sizes["MemFree"]
    available = sizes.get("MemAvailable", free)
    percent = round(100 * (total - available) / total, 1)
    return {"total": total, "available": available, "percent": percent, "used": total - available, "free": free}


if sys.platform != "win32":
    _TICKS, _PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
else:  # which has no /proc
    _TICKS, _PAGE = 100, 4096
