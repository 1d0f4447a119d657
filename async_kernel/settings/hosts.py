"""The hosts that have a name: a row for each, from which the option, the plan, `%gui` and the loops take theirs."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["HOSTS"]

HOSTS: Mapping[str, str] = {
    "tk": "async_kernel.loops.hosts.tk:TkHost",
    "qt": "async_kernel.loops.hosts.qt:QtHost",
}
"""Where the class of each is. Its toolkit is imported with it, when the kernel starts."""
