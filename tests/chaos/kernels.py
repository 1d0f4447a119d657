"""A kernel in trouble, and what has to hold: it serves, it ends in good order, or it says why it cannot start."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil

from tests.needs.kernel import Kernel, Subject
from tests.needs.subjects import ours
from tests.needs.wire import Missed

__all__ = [
    "LOOPS",
    "PYTHON",
    "SECONDS",
    "ends",
    "leaves_nothing",
    "one_answer",
    "refuses_to_start",
    "serves",
    "subject",
    "wait_for_end",
]

LOOPS = ("asyncio", "trio")

SECONDS = 40.0
"""For any single wait: far above what is usual, because machines that run tests are busy."""


PYTHON = [sys.executable]
"""The interpreter whose kernel is attacked: `--python` names another."""

PATIENT = "from async_kernel import process; process.GRACE = 30.0; del process"
"""For machines so busy that an end in good order takes longer than the usual time."""


def subject(loop: str, wrap: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Subject:
    """This project's kernel on a loop; `wrap` is what starts it, for example `["prlimit", "--nofile=64"]`."""
    kernel = ours(PYTHON[0], loop)
    before = PATIENT if PYTHON[0] == sys.executable else ""  # another version may have no such name
    return kernel._replace(argv=[*wrap, *kernel.argv], env={**kernel.env, **(env or {})}, before=before)


def one_answer(kernel: Kernel, request: str) -> None:
    """A request that has ended was replied to once, was busy first, and was idle once, as its last status."""
    client = kernel.client
    replies = [one for one in client.by_parent[request] if one.msg_type.endswith("_reply")]
    statuses = [one.content["execution_state"] for one in client.outputs(request, "status")]
    assert len(replies) == 1, [one.content for one in replies]
    assert statuses[:1] == ["busy"], statuses
    assert statuses[-1:] == ["idle"], statuses
    assert statuses.count("idle") == 1, statuses


def serves(kernel: Kernel) -> None:
    """A cell and a completion are answered, each once."""
    cell = kernel.run("print(6 * 7)", SECONDS)
    assert (cell.text, cell.error) == ("42\n", ""), (cell, kernel.log())
    completion = kernel.client.send("shell", "complete_request", {"code": "prin", "cursor_pos": 4})
    reply = kernel.client.reply(completion, SECONDS, "a completion")
    kernel.client.idle(completion, SECONDS)
    assert "print" in reply.content.get("matches", []), (reply.content, kernel.log())
    last = kernel.client.send("shell", "kernel_info_request")
    kernel.client.idle(last, SECONDS)  # what was said twice has come before this
    for request in (cell.id, completion):
        one_answer(kernel, request)


def ends(kernel: Kernel, status: int | None = 0) -> None:
    """It ends when it is asked to, with this exit status (None: any), and leaves nothing behind."""
    kernel.shutdown(SECONDS)
    if status is not None:
        assert kernel.process.poll() == status, kernel.log()
    leaves_nothing(kernel)


def leaves_nothing(kernel: Kernel) -> None:
    """No process of a kernel that has ended is left: no child, no guardian."""
    kernel.client.wait(lambda: not _left(kernel), SECONDS, f"the end of {_left(kernel)}")


def refuses_to_start(kernel: Kernel, says: str) -> None:
    """It ends at once with an error that has `says` in it, and with no traceback."""
    try:
        kernel.process.wait(SECONDS)
    except Exception:
        raise Missed(f"the kernel neither serves nor ends: {kernel.log()}") from None
    assert kernel.process.returncode in (1, 2), (kernel.process.returncode, kernel.log())
    assert says in kernel.log(), kernel.log()
    assert "Traceback" not in kernel.log(), kernel.log()
    leaves_nothing(kernel)


def _left(kernel: Kernel) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            own = os.getsid(process.pid) == kernel.process.pid or str(kernel.connection_file) in process.cmdline()
            if own and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {process.name()}")
    return found


def wait_for_end(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended, and return those that have not. Ended are those, too, that their parent or the
    first process of the system has not asked after: it may do so a second later, which is no deed of the kernel's."""
    end = time.monotonic() + seconds
    while (left := [one for one in processes if _runs(one)]) and time.monotonic() < end:
        time.sleep(0.01)
    return left


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
