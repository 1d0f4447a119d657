"""The composition root of a kernel in a process of its own: a start, from the sockets to the end of the process.

Three values make a kernel, in the order in which they can be had. The *wire* is there before anything slow is imported,
and kernel_info is answered from then on. The *process* gives its signals, its children and its end. The *parts*
(interpreter, comms, debugger, streams) are loaded as the first job of the main lane. A kernel inside a program is put
together of the same ones in `embedding`.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

from async_kernel.kernel.info import kernel_info
from async_kernel.kernel.kernel import Kernel
from async_kernel.parts import Claims, Loader, Loops, interrupting
from async_kernel.process import OwnProcess
from async_kernel.settings import Settings
from async_kernel.wire import Wire

__all__ = ["start_kernel_zmq_interface"]

CLAIMS = Claims(names=True, loop=True, streams=True, descriptors=True, strays=True, imports=True)
"""No program is around the kernel that these things could belong to."""


def start_kernel_zmq_interface(settings: Settings) -> int:
    """Start a kernel with ZMQ sockets in the calling thread, and serve until it is shut down.

    This is the default of `--start_interface`. A function of your own can do something first, and then call it:

        def start(settings):
            os.nice(5)
            return async_kernel.start_kernel_zmq_interface(settings)

    Returns the exit status: 0 after a shutdown, 1 if the kernel could not run. In that case every client that sent a
    request has been sent the reason. Raises ConnectionFileError if there are no sockets for this, and what `make_plan`
    raises if the kernel has written its connection file itself: no client knows of it.
    """
    loops = Loops(settings)
    debugger = find_spec("debugpy") is not None
    with OwnProcess() as process, Wire(settings) as wire:
        if wire.is_ours:  # a person has typed this start, and no client could be told why it fails
            loops.plan()
        kernel = Kernel(
            codec=wire.codec,
            transport=wire.transport,
            info=kernel_info(debugger=debugger),
            ports=wire.ports,
            run_loop=loops.run_in_thread,
            ending=process.end_soon,
        )
        wire.start(kernel.accept)  # all that follows is beside the first reply, not before it
        with (
            interrupting(kernel) as interrupter,
            Loader(
                settings,
                kernel,
                interrupter,
                loops,
                wire.path,
                CLAIMS,
                outer=[process.hearing],
                inner=[process.guarding],
                debugger=debugger,
                later=process.later,
            ) as loader,
            process.serving(kernel, wire, interrupter, loader.before_exit),
            process.telling_failure(kernel, wire),
        ):
            process.run_loop(loops.plan(), interrupter, partial(kernel.serve, load=loader.load))
    return process.status
