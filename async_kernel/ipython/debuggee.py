"""The interpreter as a debugger sees it (`kernel.ports.Debuggee`): the places of cells, the values of variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from async_kernel.protocol.messages import Content

from . import static
from .compiler import CELL_SUFFIX, cell_file, cell_folder
from .display import mime_bundle

if TYPE_CHECKING:
    from .shell import ZMQInteractiveShell

__all__ = ["Debuggee"]


_SHOW = (
    "__import__('json').dumps(__import__('IPython').get_ipython().display_formatter.format({name}), "
    "default=lambda value: __import__('base64').b64encode(value).decode())"
)


class Debuggee:
    """The variables and cells of one shell, as a debugger sees them."""

    suffix = CELL_SUFFIX
    libraries = ("IPython",)
    """Packages that start threads: it saves the history in one."""

    def __init__(self, shell: ZMQInteractiveShell) -> None:
        self._shell = shell

    @property
    def prefix(self) -> str:
        """The prefix of the names of all cells' files: "/tmp/ipykernel_4711/"."""
        return os.path.join(cell_folder(), "")  # noqa: PTH118, a path would lose the last slash

    def file_of(self, code: str) -> str:
        """The name of a cell's file."""
        return cell_file(code)

    def variables(self) -> Mapping[str, object]:
        """The user's variables, by name."""
        hidden = self._shell.user_ns_hidden
        return {
            name: value
            for name, value in list(self._shell.user_ns.items())
            if not name.startswith("_") and not (name in hidden and hidden[name] is value)
        }

    def summary(self, value: object) -> tuple[str, str]:
        """Its type and its content in short, without running any code of the user's: `("list", "[1, 2]")`."""
        return static.summary(value)

    def parts(self, value: object) -> Mapping[str, object]:
        """Its parts, by the text that follows its name in code: `{"[0]": 1}`, `{".x": 2}`. Runs none of the user's
        code."""
        return static.parts(value)

    def show(self, value: object) -> tuple[Content, Content]:
        """It as the cell would display it, and the metadata. Runs the user's code: for the thread of the shell."""
        data, metadata = self._shell.display_formatter.format(value)
        return mime_bundle(data), dict[str, Any](metadata)

    def showing(self, name: str) -> str:
        """An expression that gives, in a stopped frame, the data and metadata of the variable `name` as JSON."""
        return _SHOW.format(name=name)
