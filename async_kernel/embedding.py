"""A kernel inside a running program, in its loop and its thread. Nothing of the program is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from async_kernel.errors import UsageError
from async_kernel.kernel.info import kernel_info
from async_kernel.kernel.kernel import Kernel
from async_kernel.parts import Claims, Loader, Loops, interrupting
from async_kernel.settings import Settings, Start, parse, word
from async_kernel.wire import Wire

__all__ = ["embed_kernel"]


async def embed_kernel(
    namespace: dict[str, Any] | None = None,
    *,
    settings: Mapping[str, Any] | Settings | None = None,
    streams: bool = False,
    started: Callable[[str], None] | None = None,
) -> None:
    """Serve a kernel inside a running asyncio or trio program, until a client shuts it down or the task is cancelled.

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(async_kernel.embed_kernel, globals())

    Cells run in `namespace`, in the program's own loop and thread. The program keeps its signal handlers, its
    excepthook and its stdout. With `streams`, the output of cells goes to their client, and the program's own output
    stays where it was. `settings` has the names of the command line: `{"shell.timeout": 5, "shell.xmode": "Plain"}`.
    Without a `connection_file` among them, a new file is written. `started` is called with its path once clients can
    connect, for example with `jupyter console --existing PATH`.

    Raises ConnectionFileError if the sockets cannot be bound, UsageError for settings that the command line would
    refuse, and AsyncKernelError if the process has an IPython shell that does not belong to a kernel.
    """
    import anyio

    from async_kernel.concurrency.portal import current_portal
    from async_kernel.loops.detect import running_backend

    read = settings if isinstance(settings, Settings) else _read(settings or {})
    with Wire(read) as wire:
        loops = Loops(read._replace(backend=running_backend()))
        kernel = Kernel(
            codec=wire.codec,
            transport=wire.transport,
            info=kernel_info(),
            ports=wire.ports,
            run_loop=loops.run_in_thread,
        )
        failure: list[BaseException] = []
        claims = Claims(names=False, loop=False, streams=streams, descriptors=False, strays=False, imports=False)
        with (
            interrupting(kernel) as interrupter,
            Loader(read, kernel, interrupter, loops, wire.path, claims, namespace=namespace) as loader,
        ):

            async def work() -> None:  # in a task of its own: a cell that hits its task does not hit the program's
                try:
                    await kernel.serve(current_portal(), loader.load)
                except Exception as error:
                    failure.append(error)

            wire.start(kernel.accept)
            try:
                loops.plan()
                if started is not None:
                    started(wire.path)
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(work)
                if failure:
                    raise failure[0]
            finally:
                kernel.shut_down()


def _read(settings: Mapping[str, Any]) -> Settings:
    """Settings by name, by way of the words that the command line would have for them."""
    command = parse(["-f", ".", *(word(name, value) for name, value in settings.items())])
    if not isinstance(command, Start):
        raise UsageError("help is not a setting.", "`async-kernel --help-all` lists every option.")
    return command.settings
