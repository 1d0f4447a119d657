"""The errors of async-kernel, in one tree.

    AsyncKernelError                 exit status 1
    ├── UsageError                   exit status 2: the command line cannot be understood; nothing was done
    ├── MissingPackageError          a backend, loop or toolkit is not installed
    ├── HostUnavailableError         a toolkit is installed but cannot start here (no display, for one)
    ├── SpecError                    a kernel spec cannot be written, read or removed
    ├── WorkingFolderError           the folder in which a kernel is started was deleted
    ├── NoThreadError                no further thread can be started; also a RuntimeError, as Python's own
    ├── ConnectionFileError          a connection file is absent, unreadable or wrong
    ├── GatewayError                 a kernel cannot report its ports to its gateway
    ├── ProtocolError                a faulty message: logged and dropped, never answered
    │   ├── SignatureError           the digest is wrong, or was seen before
    │   └── MalformedMessageError    the frames are not a Jupyter message
    └── RequestError                 an authenticated request that cannot be served: becomes its error reply
        ├── UnknownSubshellError     there is no subshell with this id
        ├── StdinNotAllowedError     code asked for input, but the front end allows none
        └── HistoryUnavailableError  the history file is locked, read-only or out of reach, or its disk is full

Every error carries its facts as attributes, and `next_step`: the command or the change that helps.
This module imports nothing of the package.
"""

from __future__ import annotations

__all__ = [
    "AsyncKernelError",
    "ConnectionFileError",
    "GatewayError",
    "HistoryUnavailableError",
    "HostUnavailableError",
    "MalformedMessageError",
    "MissingPackageError",
    "NoThreadError",
    "ProtocolError",
    "RequestError",
    "SignatureError",
    "SpecError",
    "StdinNotAllowedError",
    "UnknownSubshellError",
    "UsageError",
    "WorkingFolderError",
]


class AsyncKernelError(Exception):
    """An error that async-kernel raises on purpose.

    `message` states the problem, and `next_step` the solution (empty if there is none). `str()` returns both, on two
    lines.
    """

    exit_status = 1

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n{self.next_step}" if self.next_step else self.message


class UsageError(AsyncKernelError):
    """The command line or a setting cannot be understood. Nothing was written or started."""

    exit_status = 2


class MissingPackageError(AsyncKernelError):
    """A package that the kernel needs is not installed.

    `package` is the distribution to install, `next_step` the command that installs it into this interpreter,
    for example `/env/bin/python -m pip install trio`.
    """

    def __init__(self, message: str, package: str, next_step: str) -> None:
        super().__init__(message, next_step)
        self.package = package


class HostUnavailableError(AsyncKernelError):
    """A GUI toolkit is installed but cannot start in this environment, for example without a display."""


class SpecError(AsyncKernelError):
    """A kernel spec cannot be written, read or removed. `path` is the folder or file concerned."""

    def __init__(self, message: str, path: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.path = path


class WorkingFolderError(AsyncKernelError):
    """The folder in which a kernel should start was deleted. IPython and most cells need one."""

    def __init__(self) -> None:
        super().__init__("The working folder was deleted.", "Start the kernel in a folder that exists.")


class NoThreadError(AsyncKernelError, RuntimeError):
    """The process cannot start another thread, because of a limit or for lack of memory."""

    def __init__(self) -> None:
        super().__init__(
            "This process cannot start another thread.",
            "Raise its limits of processes and memory (ulimit -u, ulimit -v), or end programs that have many threads.",
        )


class ConnectionFileError(AsyncKernelError):
    """The connection file at `path` is absent, unreadable, or not in the format of the messaging protocol."""

    def __init__(self, message: str, path: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.path = path


class GatewayError(AsyncKernelError):
    """The kernel cannot report its ports to the gateway that started it, or the gateway cannot use it."""


class ProtocolError(AsyncKernelError):
    """A message is not acceptable. It is logged and dropped, since a reply could go to a stranger."""


class SignatureError(ProtocolError):
    """The HMAC digest of a message is absent, wrong, or was seen before."""


class MalformedMessageError(ProtocolError):
    """The frames of a message cannot be read as a Jupyter message."""


class RequestError(AsyncKernelError):
    """An authenticated request cannot be served. It gets an error reply."""


class UnknownSubshellError(RequestError):
    """There is no subshell `subshell_id` (JEP 91). Name and message are those that clients of ipykernel know."""

    def __init__(self, subshell_id: str) -> None:
        super().__init__(f"Unknown subshell_id {subshell_id!r}")
        self.subshell_id = subshell_id


class StdinNotAllowedError(RequestError):
    """Code asked for input, but the front end that sent the request does not allow it (`allow_stdin`)."""


class HistoryUnavailableError(RequestError):
    """The history file cannot be used now. `reason` is the message of SQLite, such as "database is locked"."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The history cannot be used now: {reason}.",
            "Close the program that uses its file, or free space on its disk. Until then input is kept in memory.",
        )
        self.reason = reason
