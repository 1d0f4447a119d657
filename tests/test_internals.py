"""Internals of Python and of libraries that the package relies on: one table, and each of them is there.

What has no public way is used by a private name, an opcode, or a local variable. When a new version has it no longer,
an interrupt may be lost, or a wait not found, and nothing else would tell. So the row fails here. A private name that
is used in the package and has no row fails as well.
"""

from __future__ import annotations

import ast
import asyncio
import opcode
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import async_kernel
from async_kernel.interrupts.waits import JOBS, KINDS
from async_kernel.stacks.snapshot import TRIO_RUN, TRIO_TASK
from async_kernel.stacks.tracing import CLEAN_UP, IMPORT_FROM

NAMES = {
    # Whose code a thread is in, and where it stands
    "sys:_current_frames": "the stacks of other threads",
    "sys:_getframe": "the stack of the calling thread",
    # A loop in a loop: the outer one is set aside
    "asyncio:_get_running_loop": "whether a loop runs, without an error when none does",
    "asyncio:_set_running_loop": "sets the running loop aside, and puts it back",
    "asyncio:tasks._enter_task": "puts the current task back",
    "asyncio:tasks._leave_task": "sets the current task aside",
    "trio:_core": "the way to the next",
    "trio:_core._run": "GLOBAL_RUN_CONTEXT, which trio keeps its runner and task in",
    "asyncio.base_events:_run_until_complete_cb": "the mark by which anyio knows a root task",
    # The end
    "atexit:_run_exitfuncs": "exit functions run while the kernel can still interrupt them",
    "os:_exit": "an end that nothing delays",
    "threading:_shutdown": "threads are waited for while the kernel can still interrupt them",
    # Warm starts
    "os:_Environ": "the environment that notes which variables are read while the stack is imported",
    "runpy:_run_module_as_main": "a standby becomes a kernel as `python -m async_kernel` does",
    # IPython
    "IPython.core.async_helpers:_asyncio_runner": "which runner %autoawait has chosen",
    "IPython.core.async_helpers:_trio_runner": "which runner %autoawait has chosen",
    "IPython.core.magics.code.CodeMagics:_find_edit_target": "the code that %edit is asked for",
    "IPython.core.magics.execution:_format_time": "times as %time prints them",
    "traitlets.config.Application:_instance": "the application of a program, which its kernel puts back",
}
"""Private names of other people's modules, and what for."""


def resolved(path: str) -> Any:
    """What a path such as "asyncio:tasks._leave_task" or "threading.Thread" leads to."""
    module, _, attributes = path.partition(":")
    names = [*module.split("."), *filter(None, attributes.split("."))]
    for count in range(len(names), 0, -1):
        try:
            found: Any = import_module(".".join(names[:count]))
        except ImportError:
            continue
        for name in names[count:]:
            found = getattr(found, name)
        return found
    raise ImportError(path)


@pytest.mark.parametrize("path", NAMES)
def test_a_private_name_is_there(path: str) -> None:
    resolved(path)


def test_each_that_is_used_has_a_row() -> None:
    used = {name for path in Path(async_kernel.__file__).parent.rglob("*.py") for name in _private_names(path)}
    assert used == NAMES.keys()


def _private_names(path: Path) -> Iterator[str]:
    """The private attributes of other people's modules that a file uses."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = {name: name for name in ("asyncio", "trio", "sniffio", "threading")}  # by `sys.modules`
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {one.asname or one.name.partition(".")[0]: one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and not f"{node.module}".startswith("async_kernel"):
            yield from (f"{node.module}:{one.name}" for one in node.names if _is_private(one.name))
            modules |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            first, _, rest = ast.unparse(node).partition(".")
            if first in modules:
                yield f"{modules[first]}:{rest}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_instructions_have_their_names() -> None:
    assert opcode.opmap["IMPORT_FROM"] in IMPORT_FROM
    assert opcode.opmap["WITH_EXCEPT_START"] in CLEAN_UP
    assert ("CLEANUP_THROW" in opcode.opmap) == (len(CLEAN_UP) == 2)
    assert sys.version_info < (3, 12) or len(CLEAN_UP) == 2


def test_trio_keeps_the_running_task_in_a_variable() -> None:
    pytest.importorskip("trio", reason="trio is not installed")
    run = import_module(TRIO_RUN)
    assert TRIO_TASK in run.unrolled_run.__code__.co_varnames
    assert run.unrolled_run.__module__ == TRIO_RUN


def test_trio_raises_in_the_main_task_when_its_handler_is_given_no_frame() -> None:
    pytest.importorskip("trio", reason="trio is not installed")
    assert import_module("trio._core._ki").ki_protection_enabled(None)


@pytest.mark.parametrize("name", JOBS)
def test_jobs_of_pools_are_known_by_a_variable(name: str) -> None:
    module, variable = {
        "_WorkItem.run": ("concurrent.futures.thread", "self"),
        "WorkerThread.run": ("anyio._backends._asyncio", "future"),
        "WorkerThread._handle_job": ("trio._core._thread_cache", "deliver"),
    }[name]
    pytest.importorskip(module, reason="its library is not installed")
    code: CodeType = resolved(f"{module}:{name}").__code__
    assert code.co_qualname == name
    assert variable in code.co_varnames


@pytest.mark.parametrize("name", KINDS)
def test_the_types_of_waits_are_there(name: str) -> None:
    package = name.partition(".")[0]
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if name in ("asyncio.tasks.Task", "asyncio.futures.Future"):  # the ones of Python, which those of C replace
        name = name.replace(".Task", "._PyTask").replace(".Future", "._PyFuture")
    if name in ("builtins.function", "builtins.coroutine"):
        return
    cls = resolved(name)
    assert isinstance(cls, type)


def test_attributes_of_objects_are_there() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        task: Any = asyncio.ensure_future(asyncio.sleep(0))
        assert hasattr(future, "_callbacks")
        assert hasattr(task, "_fut_waiter")
        assert hasattr(task, "_log_destroy_pending")
        await task

    asyncio.run(main())
    assert hasattr(asyncio.SelectorEventLoop, "_process_events")
    assert hasattr(threading.RLock(), "_is_owned")
