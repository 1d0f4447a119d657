"""The modules that are imported ahead: an absent one would be passed over in silence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest

from async_kernel.warm.stack import ALWAYS
from async_kernel.warm.standby import NICE, _at_low_priority

from .conftest import StartWarm


@pytest.mark.parametrize("name", ALWAYS)
def test_a_module_that_is_imported_ahead_is_there(name: str) -> None:
    assert find_spec(name) is not None


CODE = """
import sys
from async_kernel.launcher import make_plan
from async_kernel.settings import parse
from async_kernel.warm.stack import import_stack

import_stack(make_plan(parse(sys.argv[1:]).settings))
print(*sys.modules)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority of its own only there")
def test_the_import_gives_way_to_whatever_else_wants_to_run() -> None:
    """And nothing of it stays with the process, which could not raise its priority again."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    seen: list[int] = []
    server, connection = socket.socketpair()
    with server, connection:
        _at_low_priority(lambda: seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())), connection)
    assert seen == [NICE]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before < NICE


def test_a_kernel_imports_nothing_more_until_its_first_cell(start: StartWarm, backend: str) -> None:
    """But for the runner of `python -m`, and the names that are lent to libraries, which are the kernel's to make."""
    kernel = start(backend)
    assert not kernel.is_warm  # nothing is kept before the first
    in_kernel = set(kernel.value("sorted(__import__('sys').modules)"))
    assert kernel.manager.kernel_spec is not None
    command = [sys.executable, "-c", CODE, *kernel.manager.kernel_spec.argv[3:]]
    ahead = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    own = {name for name in in_kernel if name.partition(".")[0] in ("ipykernel", "runpy")}
    assert sorted(in_kernel - set(ahead) - own - {"async_kernel.__main__"}) == []
