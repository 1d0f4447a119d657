"""`ipykernel.connect`: how another client reaches the kernel that runs."""

from __future__ import annotations

import json
import sys
from typing import Any

__all__ = ["connect_qtconsole", "get_connection_file", "get_connection_info", "write_connection_file"]


def get_connection_file(app: Any = None) -> str:
    """The path of the kernel's connection file, or that of `app`: "/…/runtime/kernel-8f0a.json". RuntimeError when it
    has none."""
    from .kernelapp import IPKernelApp

    path = str((app or IPKernelApp.instance()).connection_file)
    if not path:
        raise RuntimeError("This kernel has no connection file.")
    return path


def get_connection_info(connection_file: str | None = None, unpack: bool = False) -> str | dict[str, Any]:
    """The content of a connection file, by default the kernel's own: its text, or with `unpack` a dict whose key is
    bytes, as jupyter_client takes it."""
    from pathlib import Path

    path = _find(connection_file) if connection_file else get_connection_file()
    text = Path(path).read_text(encoding="utf-8")
    if not unpack:
        return text
    info: dict[str, Any] = json.loads(text)
    info["key"] = str(info.get("key", "")).encode()
    return info


def connect_qtconsole(connection_file: str | None = None, argv: list[str] | None = None) -> Any:
    """Open a Qt console on a kernel, by default this one; return its process (`subprocess.Popen`)."""
    from subprocess import PIPE, Popen

    path = _find(connection_file) if connection_file else get_connection_file()
    command = [sys.executable, "-m", "qtconsole", "--existing", path, *(argv or ())]
    return Popen(command, stdout=PIPE, stderr=PIPE, start_new_session=True)


def write_connection_file(*args: Any, **kwargs: Any) -> Any:
    """jupyter_client's function of the same name."""
    from jupyter_client.connect import write_connection_file as write

    return write(*args, **kwargs)


def _find(connection_file: str) -> str:
    from jupyter_client.connect import find_connection_file

    return str(find_connection_file(connection_file))
