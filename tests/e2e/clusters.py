"""The page about clusters, section by section, in a kernel; and the processes that a kernel has started."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.docs.fences import Fence, with_output

from .driver import KernelDriver, wait_until

__all__ = ["SECONDS", "end_leaving_none", "family", "follow_section", "gone"]

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "clusters.md"
SECONDS = 120.0
"""A cell that starts a cluster may take that long: other tests start theirs."""


def section(title: str) -> Iterator[tuple[Fence, str | None]]:
    """The examples of a section, each with the output that the page shows."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = lines.index(f"## {title}")
    end = next((number for number in range(begin + 1, len(lines)) if re.match("## ", lines[number])), len(lines))
    return ((fence, shown) for fence, shown in with_output(PAGE) if begin < fence.line <= end)


def follow_section(title: str, kernel: KernelDriver, *, to: str = "") -> None:
    """Run the examples of a section, all or those before the one that has the words `to`."""
    count = 0
    for fence, shown in section(title):
        if to and to in fence.text:
            return
        if fence.kind == "asyncio" and kernel.library == "trio":
            continue
        count += 1
        try:
            _run(fence, shown, kernel)
        except AssertionError as error:
            raise AssertionError(f"{PAGE.name}:{fence.line}: {error}") from error
    assert count
    assert not to, f"no example has {to!r}"


def _run(fence: Fence, shown: str | None, kernel: KernelDriver) -> None:
    if fence.kind == "interrupted":
        asked = kernel.start_until_printed(f"print('begun')\n{fence.text}", "begun")
        kernel.request("interrupt_request", channel="control")
        assert kernel.finish(asked).reply["ename"] == "KeyboardInterrupt"
        return
    cell = kernel.execute(fence.text, seconds=SECONDS).ok()
    if shown is not None:
        assert cell.text() + (f"{cell.result}\n" if cell.result else "") == shown


def family(kernel: KernelDriver) -> list[psutil.Process]:
    """The processes that a kernel has started, and those that these have."""
    return psutil.Process(kernel.process.pid).children(recursive=True)


def end_leaving_none(kernel: KernelDriver, count: int) -> None:
    """Shut a kernel down that has started so many processes, and see that all are gone. Libraries that wait for theirs
    at the exit may be ended by force, on a busy machine or in any case."""
    processes = family(kernel)
    assert len(processes) >= count
    kernel.expects_stderr = True
    kernel.send("shutdown_request", {"restart": False}, channel="control")
    kernel.wait_exit()
    gone(processes)


def gone(processes: list[psutil.Process]) -> None:
    """Wait until none of them runs; resource trackers end after those that they look after."""
    wait_until(lambda: not any(map(_runs, processes)), "the end of a cluster's processes")


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
