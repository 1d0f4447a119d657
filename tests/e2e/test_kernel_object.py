"""`get_ipython().kernel` of a real kernel, as libraries use it. `tests/ipython/test_facade.py` has it at length."""

from __future__ import annotations

import pytest

from .driver import KernelDriver

ASKS = {
    "a completion": "'print' in kernel.do_complete('prin', 4)['matches']",
    "whose shell it is": "kernel.parent.kernel is kernel and kernel.parent.shell is shell",
    "a thread's parent": "shell.reset_thread_parent(shell.set_thread_parent(shell.get_parent())) is None",
    "the key": "kernel.session.key == {key!r}",
}


@pytest.mark.parametrize("asks", ASKS)
def test_it_answers(kernel: KernelDriver, asks: str) -> None:
    asked = ASKS[asks].format(key=kernel.client.session.key)
    cell = kernel.execute(f"shell = get_ipython(); kernel = shell.kernel\n{asked}")
    assert cell.ok().result == "True"


def test_its_loop_calls_a_function_when_the_cell_has_ended(kernel: KernelDriver) -> None:
    kernel.execute("import threading\ncalled = threading.Event()").ok()
    kernel.execute("get_ipython().kernel.io_loop.add_callback(called.set)").ok()
    sleep = f"import {kernel.library}\nwhile not called.is_set(): await {kernel.library}.sleep(0.01)"
    kernel.execute(sleep).ok()


def test_a_wrapped_run_cell_runs_the_cells(kernel: KernelDriver) -> None:
    kernel.execute(
        "seen, shell = [], get_ipython()\ndef wrapped(raw_cell, *given, original=shell.run_cell, **named):\n"
        "    seen.append(raw_cell)\n    return original(raw_cell, *given, **named)\nshell.run_cell = wrapped"
    ).ok()
    try:
        assert kernel.execute("6 * 7").ok().result == "42"
        assert kernel.value("seen[:1]") == ["6 * 7"]
    finally:
        kernel.execute("del shell.run_cell").ok()
