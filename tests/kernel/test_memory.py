"""No memory for what is to be said: the cell fails, idle is said, and the kernel serves what comes next."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from async_kernel.protocol.messages import Buffer
from async_kernel.system import reserve

from .harness import Harness


class Shortage:
    """Fails where a kernel sends: at the `first` message that `matches`, and at so many more."""

    def __init__(self, kernel: Harness, matches: Callable[[str], bool], times: int) -> None:
        self.left = times
        self._matches = matches
        self._encode = kernel.codec.encode
        kernel.codec.encode = self.encode  # type: ignore[method-assign]  # it is to fail

    def encode(self, msg_type: str, content: dict[str, Any], *arguments: Any, **fields: Any) -> list[Buffer]:
        if self.left and self._matches(f"{msg_type} {content}"):
            self.left -= 1
            raise MemoryError
        return self._encode(msg_type, content, *arguments, **fields)


@pytest.fixture(autouse=True)
def quiet_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)


@pytest.mark.parametrize("code", ["ok", "error", "raise RuntimeError", "print text"])
@pytest.mark.parametrize(
    ("what", "times"), [("busy", 1), ("execute_reply", 1), ("execute_reply", 2), ("execute_reply", 3), ("idle", 1)]
)
def test_each_cell_is_answered_and_idle(kernel: Harness, code: str, what: str, times: int) -> None:
    shortage = Shortage(kernel, lambda said: what in said, times)
    msg_id = kernel.execute(code)
    whats = kernel.whats(msg_id)
    assert shortage.left == 0
    assert whats[0] == "busy"
    assert whats[-2:] == ["execute_reply", "idle"]
    if times > 1:  # with the reserve it did not fit either
        reply = next(one.message.content for one in kernel.so_far(msg_id) if one.what == "execute_reply")
        assert (reply["status"], reply["ename"]) == ("error", "MemoryError")
    assert kernel.whats(kernel.execute("ok")) == ["busy", "execute_reply", "idle"]


def test_the_reserve_is_set_free_when_it_is_needed_and_held_again() -> None:
    reserve.hold()
    assert reserve._held is not None
    tries = 0

    def needs_the_reserve() -> str:
        nonlocal tries
        tries += 1
        if reserve._held is not None:
            raise MemoryError
        return "done"

    assert reserve.spared(needs_the_reserve) == "done"
    assert tries == 2
    assert reserve._held is None
    reserve.make_room()
    assert reserve._held is not None


@pytest.mark.skipif(sys.platform != "linux", reason="/proc says how much is used")
def test_the_reserve_and_the_check_for_room_take_addresses_only() -> None:
    reserve.free()
    before = _resident()
    reserve.make_room()
    assert reserve._held is not None
    assert _resident() - before < reserve.ROOM_BYTES // 2


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of Linux")
def test_the_reserve_is_given_up_where_a_limit_leaves_no_room() -> None:
    code = """
import resource
from async_kernel.system import reserve

reserve.hold()
assert not reserve._can_run_out()
used = 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
resource.setrlimit(resource.RLIMIT_AS, (used, resource.RLIM_INFINITY))
reserve.make_room()
assert reserve._held is None
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
reserve.make_room()
assert reserve._held is not None
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
