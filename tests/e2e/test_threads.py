"""The threads of a kernel that waits for a cell. Each costs memory, a line of `ps -T`, and a switch when it wakes."""

from __future__ import annotations

from .driver import KernelDriver

CEILING = 12
"""As many as there are now; it may only fall."""

NAMES = "sorted(thread.name for thread in __import__('threading').enumerate())"


def test_an_idle_kernel_has_few_threads_and_each_has_a_name(kernel: KernelDriver) -> None:
    kernel.execute("1").ok()
    kernel.request("complete_request", {"code": "im", "cursor_pos": 2})
    names = kernel.value(NAMES)
    assert len(names) <= CEILING, names
    assert not [name for name in names if name.startswith("Thread-")], names
    assert "MainThread" in names
