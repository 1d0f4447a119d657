"""What this process uses, by each means to measure it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from async_kernel.system.usage import (
    ProcUsage,
    PsutilUsage,
    SelfUsage,
    Usage,
    measure_with,
    parse_memory,
    parse_processors,
    parse_stat,
)

WAYS: list[Any] = [
    pytest.param(lambda: PsutilUsage(psutil), id="psutil"),
    pytest.param(
        lambda: ProcUsage(Path("/proc")),
        id="proc",
        marks=pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such /proc"),
    ),
    pytest.param(SelfUsage, id="self"),
]


def spin(seconds: float) -> None:
    """Keep a processor busy for some of this process's time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@pytest.mark.parametrize("make", WAYS)
def test_it_says_who_and_how_much(make: Any) -> None:
    usage: Usage = make()
    first = usage.read()
    assert (first["pid"], first["cpu_count"]) == (os.getpid(), os.cpu_count())
    assert first["hostname"]
    assert first["kernel_cpu"] == 0.0, "there is nothing to compare with"
    assert "host_cpu_percent" not in first
    spin(0.1)
    second = usage.read()
    assert second["kernel_cpu"] > 0
    if sys.platform != "win32":
        mine = psutil.Process().memory_info().rss
        assert mine / 4 < second["kernel_memory"] < 4 * mine


@pytest.mark.parametrize("make", WAYS[:2])
def test_children_and_the_machine_are_counted(make: Any) -> None:
    usage: Usage = make()
    alone = usage.read()
    hold = "import sys; held = b'x' * (200 << 20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        together = usage.read()
        child.communicate()
    assert together["kernel_memory"] > alone["kernel_memory"] + (150 << 20)
    memory = together["host_virtual_memory"]
    assert memory["total"] > memory["available"] > 0
    assert 0 < memory["percent"] < 100
    assert 0 <= together["host_cpu_percent"] <= 100


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such /proc")
def test_proc_and_psutil_agree() -> None:
    proc, other = ProcUsage(Path("/proc")).read(), PsutilUsage(psutil).read()
    assert set(proc) == set(other)
    ours, theirs = proc["host_virtual_memory"], other["host_virtual_memory"]
    assert set(ours) <= set(theirs)
    assert ours["total"] == theirs["total"]
    assert abs(ours["available"] - theirs["available"]) < theirs["total"] / 4
    assert abs(proc["kernel_memory"] - other["kernel_memory"]) < other["kernel_memory"] / 4


def test_each_system_gets_the_best_way_there_is() -> None:
    assert isinstance(measure_with(psutil, "win32"), PsutilUsage)
    assert isinstance(measure_with(None, "linux"), ProcUsage)
    assert isinstance(measure_with(None, "darwin"), SelfUsage)
    assert isinstance(measure_with(None, "win32"), SelfUsage)


def test_the_files_of_linux_are_read_right() -> None:
    fields = ["S", *map(str, range(4, 53))]  # field 3 and on, each its own number
    seconds, pages = parse_stat(f"4711 (a ) name) {' '.join(fields)}\n")
    ticks = os.sysconf("SC_CLK_TCK") if sys.platform != "win32" else 100
    assert (seconds, pages) == ((14 + 15) / ticks, 24)
    assert parse_processors("cpu  10 1 2 30 4 5 6 7 0 0\ncpu0 1\n") == (31 / ticks, 65 / ticks)
    assert parse_memory("MemTotal: 8 kB\nMemFree: 1 kB\n")["available"] == 1024, "kernels before 3.14 do not tell"
