"""The command line: argv to one command, the command to an exit status. `command_line` is the console script.

It knows no paths, loops or sockets. The modules that a command needs are imported when it is run: a kernel's start pays
for nothing else, and `--version`, `-a`, `-r` and `list` import neither asyncio nor zmq nor IPython.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from async_kernel.early_interrupts import heed_interrupts
from async_kernel.errors import AsyncKernelError
from async_kernel.import_order import keep_user_files_out
from async_kernel.settings import (
    Add,
    Command,
    Completion,
    Doctor,
    Help,
    List,
    Prune,
    Remove,
    Settings,
    Start,
    Version,
    merge,
    parse,
)

__all__ = ["command_line"]


def command_line(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (by default that of the process), and return the exit status.

    0 is success. An error of ours is printed on stderr with its next step: 2 for a mistake on the command line, after
    which nothing was done, 1 for anything else. An interrupted command gives 130.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        status = _run(parse(words))
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except AsyncKernelError as error:
        print(f"async-kernel: {error}", file=sys.stderr)
        return error.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the rest is flushed to nowhere at exit
        return 0


def _run(command: Command) -> int:
    if not isinstance(command, Start) and heed_interrupts():
        raise KeyboardInterrupt
    match command:
        case Start(settings):
            keep_user_files_out()
            from async_kernel import launcher

            _activate()
            return launcher.start(_with_spec(settings))
        case Version():
            from async_kernel import __version__

            print(__version__)
        case Add() | Remove() | Prune():
            from . import kernels

            return kernels.run(command)
        case List(json):
            from . import listing

            return listing.run(json)
        case Doctor(changes=True):
            from . import changes

            return changes.run(command.json)
        case Doctor():
            from . import doctor

            return doctor.run(command)
        case Completion(shell):
            from . import shell_completion

            print(shell_completion.script(shell))
        case Help(everything):
            from async_kernel.settings import manual

            print(manual.help_text() if everything else manual.summary())
    return 0


def _activate() -> None:
    """Let the commands of cells act on this interpreter's environment, whatever the client that started it is in."""
    from async_kernel.kernelspec.activation import environment

    changes = environment(os.environ, sys.prefix, sys.base_prefix, sys.executable, sys.platform, os.path.lexists)
    for name, value in changes.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _with_spec(settings: Settings) -> Settings:
    """The settings on top of those of the installed spec that they name.

    An argv that names interface and backend is complete: that is how `render` writes every spec, so a start by Jupyter
    looks for nothing on the disk. A command line that a person typed says less, and is filled from the spec.
    """
    if "start_interface" in settings.sources and "backend" in settings.sources:
        return settings
    from async_kernel.kernelspec.listing import settings_of

    defaults = settings_of(settings.kernel_name)
    return settings if defaults is None else merge(defaults, settings)
