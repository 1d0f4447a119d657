"""The connection file: read, or made anew and written, and said to whoever started the kernel by hand.

It is on the path to the first reply: imports that are slow or rarely needed are made where they are used.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from async_kernel.errors import ConnectionFileError
from async_kernel.protocol.connection import ConnectionInfo, Registration, parse_connection, parse_registration
from async_kernel.settings import Settings
from async_kernel.system.files import OwnFile, hold, sweep

__all__ = ["ConnectionFile", "fill_in_ports", "open_connection", "say_where", "write_connection"]

KNOWS_CURVE = (8, 9)
"""The first jupyter_client whose clients encrypt when a connection file has the keys."""

HELD = '"is_held": true'
"""In a connection file that a kernel has written: the kernel has a lock on it for as long as it runs."""


class ConnectionFile(NamedTuple):
    """A connection file: its path, its content, whether it is ours to write and remove, and where to register."""

    path: str
    info: ConnectionInfo
    is_new: bool
    registration: Registration | None = None


def open_connection(settings: Settings) -> ConnectionFile:
    """The content of the connection file. A new one, whose ports are still to be chosen, for a path where there is
    none; for "." and for a registration file (JEP 66) it goes to Jupyter's runtime folder.

    ConnectionFileError when the file cannot be read, or there is no folder for a new one.
    """
    path = settings.connection_file
    if _makes_new(path):
        key = os.urandom(32).hex()
        public, secret = _curve_keys()
        info = ConnectionInfo(key=key, kernel_name=settings.kernel_name, curve_publickey=public, curve_secretkey=secret)
        return ConnectionFile(_path_of_new(path), info, is_new=True)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConnectionFileError(
            f"The connection file {path} cannot be read: {error}.",
            path,
            "Let Jupyter start the kernel, which writes the file, or start one with: async-kernel -f .",
        ) from None
    if '"registration_port"' in text:
        registration = parse_registration(text, path)
        info = registration.to_info(settings.kernel_name)
        return ConnectionFile(_new_path(registration.kernel_id), info, is_new=True, registration=registration)
    return ConnectionFile(path, parse_connection(text, path), is_new=False)


def _curve_keys() -> tuple[str, str]:
    """The public and the secret key of CurveZMQ for a new connection file, where a client beside us can use them; else
    two empty ones. A jupyter_client that does not know them would wait for ever for a kernel that speaks no plain text.
    """
    from importlib.metadata import PackageNotFoundError, version

    import zmq

    try:
        major, minor = (int(number) for number in version("jupyter_client").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return "", ""
    if (major, minor) < KNOWS_CURVE or not zmq.has("curve"):
        return "", ""
    public, secret = zmq.curve_keypair()
    return public.decode(), secret.decode()


def _makes_new(path: str) -> bool:
    """Whether a connection file named so is written by the kernel: "." or a path where nothing is."""
    return path in ("", ".") or not os.path.lexists(path)


def _path_of_new(path: str) -> str:
    if path in ("", "."):
        return _new_path()
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise ConnectionFileError(
            f"There is no connection file {path}, and no folder {folder} to write one to.",
            path,
            "Give the path of a file in a folder that exists, or . for a file in Jupyter's own.",
        )
    return path


def _new_path(kernel_id: str = "") -> str:
    """A path of our own: a launcher may have named its registration file after the kernel, and need it again."""
    from jupyter_core.paths import jupyter_runtime_dir

    word = "".join(letter for letter in kernel_id if letter.isalnum() or letter in "-_")
    name = "-".join(filter(None, ["kernel", word, str(os.getpid())]))
    path = os.path.join(jupyter_runtime_dir(), f"{name}.json")
    number = 1
    while path in _paths_given:
        number += 1
        path = os.path.join(jupyter_runtime_dir(), f"{name}-{number}.json")
    _paths_given.add(path)
    return path


_paths_given: set[str] = set()
"""One process may embed several kernels; a file under the name of a process that has ended may be replaced."""


def write_connection(file: ConnectionFile) -> OwnFile:
    """Write the connection file, readable by its owner alone: it has the key in it. It is held until it is removed.
    Files in the same folder that kernels have left behind are removed first.

    ConnectionFileError when it cannot be written.
    """
    folder = os.path.dirname(file.path)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        sweep(folder, HELD.encode())
        descriptor = os.open(file.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        held = hold(descriptor)
        with open(descriptor, "w", encoding="utf-8", closefd=not held) as opened:
            if sys.platform != "win32":  # the mode above does not touch a file that was there
                os.fchmod(opened.fileno(), 0o600)
            opened.write(file.info.to_text(f"{{{HELD}}}" if held else "{}"))
        return OwnFile(file.path, descriptor=descriptor if held else -1)
    except OSError as error:
        raise ConnectionFileError(
            f"The connection file {file.path} cannot be written: {error.strerror}.",
            file.path,
            "Use -f with a path that you can write to; for -f . set JUPYTER_RUNTIME_DIR to such a folder.",
        ) from None


def fill_in_ports(file: ConnectionFile) -> None:
    """Write the ports that the kernel has chosen into the file that its launcher has written, for clients to read.

    The file is replaced as a whole. ConnectionFileError when it cannot be written.
    """
    new = f"{file.path}.{os.getpid()}"
    try:
        with open(file.path, encoding="utf-8") as opened:
            text = file.info.to_text(opened.read())
        descriptor = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "w", encoding="utf-8") as opened:
                opened.write(text)
            os.replace(new, file.path)
        except BaseException:
            os.unlink(new)
            raise
    except (OSError, ValueError, TypeError) as error:  # or it is no JSON object any more
        raise ConnectionFileError(
            f"The chosen ports cannot be written to the connection file {file.path}: {error}.",
            file.path,
            "Write the ports into the file, or put it into a folder that the kernel can write to.",
        ) from None


def say_where(path: str) -> None:
    """Tell a person who started a kernel by hand how to reach it and how to end it."""
    from shlex import quote

    from jupyter_core.paths import jupyter_runtime_dir

    folder, name = os.path.split(path)
    existing = name if folder == jupyter_runtime_dir() else quote(path)
    print(
        f"A kernel is running. To connect to it:\n\n    jupyter console --existing {existing}\n\n"
        f"Its connection file is {path}. Ctrl-C interrupts a cell, SIGTERM (kill {os.getpid()}) ends the kernel.",
        file=sys.stderr,
        flush=True,
    )
