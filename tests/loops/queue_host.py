"""The smallest host there is: a main loop of Python alone. What a host has to do, without a toolkit in the way."""

import queue
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from async_kernel.loops.hosts import Host


class QueueHost(Host):
    """Calls what is put into a queue, in turn."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._queue: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self.turns = 0

    def run(self) -> None:
        while (callback := self._queue.get()) is not None:
            self.turns += 1
            callback()

    def stop(self) -> None:
        self._queue.put(None)

    def call_soon_threadsafe(self, callback: Callable[[], object]) -> None:
        self._queue.put(callback)

    def step(self, timeout: float) -> None:
        with suppress(queue.Empty):
            callback = self._queue.get(timeout=timeout)
            callback() if callback else self._queue.put(None)
