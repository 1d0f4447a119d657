"""The errors of async-kernel, in one tree.

    AsyncKernelError                 exit status 1
    ├── UsageError                   exit status 2: the command line cannot be understood; nothing was done
    ├── MissingPackageError          a backend, loop or toolkit is not installed
    ├── HostUnavailableError         a toolkit is installed but cannot start here (no display, for one)
    ├── SpecError                    a kernel spec cannot be written, read or removed
    ├── WorkingFolderError           the folder in which a kernel is started was deleted
    ├── NoThreadError                the system gives no more threads; a RuntimeError, too, as Python's own
    ├── ConnectionFileError          a connection file is absent, unreadable or wrong
    ├── GatewayError                 the gateway that has started a kernel cannot be told where it is
    ├── ProtocolError                a peer's fault: logged and dropped, never answered
    │   ├── SignatureError           the digest is wrong, or was seen before
    │   └── MalformedMessageError    the frames are not a Jupyter message
    └── RequestError                 an authenticated request that cannot be served: becomes its error reply
        ├── UnknownSubshellError     there is no subshell of the id that it names
        ├── StdinNotAllowedError     input was asked for while the front end allows none
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
    """Any error that async-kernel raises on purpose.

    `message` states the problem, `next_step` the remedy (empty when there is none).
    `str()` gives both, on two lines.
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
    """A package that the plan needs is not installed.

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
    """The folder in which a kernel is to be started was deleted: IPython, and most of what cells do, needs one."""

    def __init__(self) -> None:
        super().__init__("The working folder was deleted.", "Start the kernel in a folder that exists.")


class NoThreadError(AsyncKernelError, RuntimeError):
    """The system gives this process no more threads: by a limit, or because there is no memory for their stacks."""

    def __init__(self) -> None:
        super().__init__(
            "The system gives no more threads to this process.",
            "Raise its limits of processes and memory (ulimit -u, ulimit -v), or end what has many threads.",
        )


class ConnectionFileError(AsyncKernelError):
    """The connection file is absent, unreadable or not as the messaging spec describes it. `path` names it."""

    def __init__(self, message: str, path: str = "", next_step: str = "") -> None:
        super().__init__(message, next_step)
        self.path = path


class GatewayError(AsyncKernelError):
    """The gateway that has started the kernel cannot be told where it is, or the kernel cannot be served to it."""


class ProtocolError(AsyncKernelError):
    """The message of a peer is not acceptable. It is logged and dropped: a reply could go to a stranger."""


class SignatureError(ProtocolError):
    """The HMAC digest of a message is absent, wrong, or was seen before."""


class MalformedMessageError(ProtocolError):
    """The frames of a message cannot be read as a Jupyter message."""


class RequestError(AsyncKernelError):
    """An authenticated request cannot be served. The dispatcher turns it into the request's error reply."""


class UnknownSubshellError(RequestError):
    """There is no subshell `subshell_id` (JEP 91). Name and words are those that ipykernel's clients know."""

    def __init__(self, subshell_id: str) -> None:
        super().__init__(f"Unknown subshell_id {subshell_id!r}")
        self.subshell_id = subshell_id


class StdinNotAllowedError(RequestError):
    """Code asked for input while the front end that sent the request does not allow it (`allow_stdin`)."""


class HistoryUnavailableError(RequestError):
    """The history file cannot be used now. `reason` is the message of SQLite: "database is locked", for one."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The history cannot be used now: {reason}.",
            "Close the program that holds its file, or free its disk. Input is kept in memory until then.",
        )
        self.reason = reason
