"""The kernel provisioner `async-warm`: a kernel starts from a process that is ready, where one is, else as ever.

It lives in the process of the server. Everything but the start is jupyter_client's own LocalProvisioner.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Integer

from .inherits import file_mask, inherited
from .pool import Model, NotWarmError, hand_over, pool_for

__all__ = ["Launch", "WarmProvisioner"]

UNDERSTOOD = {"env", "cwd", "stdin", "stdout", "stderr", "independent", "extra_arguments", "kernel_id"}
"""The arguments of a launch that a standby can heed. Any other one is for `subprocess.Popen`."""

CONNECTION_FILE = "{connection_file}"


class WarmProvisioner(LocalProvisioner):
    """Starts kernels of async-kernel from processes that have imported everything already, and keeps `standbys` of
    them ready. Whatever cannot be had in this way starts as with any other provisioner, with a line in the log. So does
    every kernel on Windows."""

    standbys = Integer(1, min=0, help="How many processes are kept ready.").tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start a kernel and return its connection information."""
        if sys.platform == "win32":
            return await super().launch_kernel(cmd, **kwargs)
        if list(cmd[1:3]) != ["-m", "async_kernel"]:  # it may be the provisioner of all specs
            return await super().launch_kernel(cmd, **kwargs)
        try:
            launch = Launch(cmd, kwargs)
        except NotWarmError as error:
            self.log.warning("The kernel starts cold: %s.", error)
            return await super().launch_kernel(cmd, **kwargs)
        pool = pool_for(self.kernel_spec.argv)
        process: subprocess.Popen[bytes] | None = None
        try:
            with ExitStack() as opened:
                job, descriptors = launch.job(), launch.descriptors(opened)  # before one is taken, which nobody had
                standby = pool.take()
                if standby is not None:
                    hand_over(standby, job, descriptors)
                    process = standby.process
        except NotWarmError as error:
            pool.clear()  # the others are like it
            self.log.warning("The kernel starts cold: %s.", error)
        if process is None:
            await super().launch_kernel(cmd, **kwargs)
            process = self.process
        else:
            process.args = cmd
            self.process = process
            self.pid = self.pgid = process.pid  # it leads a group and a session of its own
            self.cwd = kwargs["cwd"] if "cwd" in kwargs else Path.cwd()
        assert process is not None
        pool.fill(Model(self._without_file(cmd), launch.env), self.standbys, process.pid, self.log)
        return self.connection_info

    def _without_file(self, cmd: Sequence[str]) -> list[str]:
        """The command as the spec has it, with the place of the connection file: that is shown by lists of processes,
        and belongs to another kernel."""
        file = getattr(self.parent, "connection_file", "")
        return [CONNECTION_FILE if word == file else word for word in cmd]


class Launch:
    """A launch as jupyter_client's `launch_kernel` would do it. NotWarmError where a standby cannot heed it."""

    def __init__(self, cmd: Sequence[str], kwargs: Mapping[str, Any]) -> None:
        self.command = [os.path.expanduser(word) for word in cmd]
        if not os.path.isabs(self.command[0]):
            raise NotWarmError("the spec does not name its Python by a path")
        if others := sorted(name for name in kwargs.keys() - UNDERSTOOD if kwargs[name] is not None):
            raise NotWarmError(f"{', '.join(others)} cannot be given to a process that runs already")
        self._streams = [kwargs.get(name) for name in ("stdout", "stderr")]
        if kwargs.get("stdin") is not None or any(map(_is_pipe, self._streams)):
            raise NotWarmError("the standard streams are pipes of the caller")
        self._cwd = kwargs.get("cwd")
        env = kwargs.get("env")
        self.env = dict(os.environ if env is None else env)
        if not kwargs.get("independent"):
            self.env["JPY_PARENT_PID"] = str(os.getpid())

    def job(self) -> dict[str, Any]:
        """The words for the standby. NotWarmError where there is no working folder."""
        try:
            cwd = os.path.abspath(self._cwd or ".")
        except OSError as error:
            raise NotWarmError(f"there is no working folder ({error})") from error
        return {
            "command": self.command,
            "env": self.env,
            "cwd": cwd,
            "umask": file_mask(),
            "inherited": inherited(),
        }

    def descriptors(self, opened: ExitStack) -> list[int]:
        """The standard descriptors of the kernel. Its stdin is a pipe that nobody writes to, as in jupyter_client.
        NotWarmError where they cannot be had."""
        try:
            return self._descriptors(opened)
        except (OSError, AttributeError) as error:  # there are no more, or a stream has none
            raise NotWarmError(f"its standard streams cannot be passed on ({error})") from error

    def _descriptors(self, opened: ExitStack) -> list[int]:
        stdin, writer = os.pipe()
        os.close(writer)
        opened.callback(os.close, stdin)
        descriptors = [stdin]
        for number, stream in enumerate(self._streams, 1):
            if stream is None:
                descriptors.append(number)
            elif stream == subprocess.DEVNULL:
                descriptors.append(os.open(os.devnull, os.O_RDWR))
                opened.callback(os.close, descriptors[-1])
            else:
                descriptors.append(stream if isinstance(stream, int) else stream.fileno())
        return descriptors


def _is_pipe(stream: Any) -> bool:
    return stream in (subprocess.PIPE, subprocess.STDOUT)
