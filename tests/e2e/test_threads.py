"""The threads of a kernel that waits for a cell. Each costs memory, a line of `ps -T`, and a switch when it wakes."""

from __future__ import annotations

from .driver import KernelDriver, wait_until

CEILING = 12
"""As many as there are now; it may only fall."""

NAMES = "sorted(thread.name for thread in __import__('threading').enumerate())"


def test_an_idle_kernel_has_few_threads_and_each_has_a_name(kernel: KernelDriver) -> None:
    kernel.execute("1").ok()
    kernel.request("is_complete_request", {"code": "1"})  # the thread for asides has begun

    def names() -> list[str] | None:
        """The threads, once those have ended that prepare something after the start."""
        found = kernel.value(NAMES)
        return None if any(name.startswith("later") for name in found) else found

    found = wait_until(names, "the end of the preparations")
    assert len(found) <= CEILING, found
    assert not [name for name in found if name.startswith("Thread-")], found
    assert "MainThread" in found
