"""A kernel inside a running program, in its loop and its thread. Nothing of the program is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from async_kernel.interface import ZMQInterface
from async_kernel.launcher import make_plan
from async_kernel.settings import Settings

__all__ = ["EmbeddedInterface", "embed_kernel"]


async def embed_kernel(
    namespace: dict[str, Any] | None = None,
    *,
    settings: Settings | None = None,
    streams: bool = False,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve a kernel inside a running asyncio or trio program, until a client shuts it down or the task is cancelled.

    Cells run in `namespace` (for example `globals()`), in the program's own loop and thread. Nothing of the program is
    taken: no signal handler, no excepthook, no stdout, unless `streams` asks for it; then what cells print goes to
    their client, and what the program prints stays where it was. `started` is called with the path of the connection
    file once clients can connect: `jupyter console --existing PATH`. `settings` are those of the command line.

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(async_kernel.embed_kernel, globals())

    Raises ConnectionFileError when the sockets cannot be bound, UsageError for wrong settings, AsyncKernelError when
    the process has an IPython that is no kernel's.
    """
    interface = EmbeddedInterface(settings if settings is not None else Settings(connection_file="."))
    await interface.serve(namespace, streams, started)


class EmbeddedInterface(ZMQInterface):
    """The interface of a kernel inside a program, which serves (`serve`) instead of running a process."""

    async def serve(
        self, namespace: dict[str, Any] | None, streams: bool, started: Callable[[str], None] | None
    ) -> None:
        """Serve in the calling task's loop until the kernel is shut down or the task is cancelled (`embed_kernel`)."""
        import anyio

        from async_kernel.concurrency.portal import current_portal
        from async_kernel.loops.detect import running_backend

        failure: list[BaseException] = []

        async def work() -> None:  # in a task of its own: what a cell does to its task does not hit the program's
            try:
                await self.kernel.serve(current_portal(), lambda: self._load(streams, namespace))
            except Exception as error:
                failure.append(error)

        self._transport.start()
        try:
            self._plan = make_plan(self._settings._replace(backend=running_backend()))
            if started is not None:
                started(self._file.path)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work)
            if failure:
                raise failure[0]
        finally:
            self.kernel.shut_down()
            self._close()
