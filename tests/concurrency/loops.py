"""Running a coroutine on each backend."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")

DEADLINE = 20.0
"""Seconds after which a wait has failed."""


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition()` holds, which another thread brings about."""
    with anyio.fail_after(DEADLINE):
        while not condition():  # noqa: ASYNC110 - another thread sets no event of this loop
            await anyio.sleep(0.001)


def run(backend: str, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run `main()` on the standard library's asyncio, on uvloop or on trio."""
    if backend == "trio":
        return anyio.run(main, backend="trio")
    return anyio.run(main, backend_options={"use_uvloop": backend == "uvloop"})
