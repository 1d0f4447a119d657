"""A kernel spec as a value, to and from the text of kernel.json, and the pure decisions about its content.

jupyter_client, "Kernel specs": argv, env, display_name, language, interrupt_mode, metadata, kernel_protocol_version.
This module does not know where a spec is stored.
"""

from __future__ import annotations

import json
import ntpath
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from async_kernel.errors import SpecError, UsageError
from async_kernel.settings import Settings, Start, parse, render

from .locations import Destination
from .surroundings import Surroundings

__all__ = [
    "PROTOCOL_VERSION",
    "KernelSpec",
    "default_display_name",
    "environment_label",
    "executable_for",
    "fit_for_shell",
    "make_argv",
    "prefix_of",
    "runs_async_kernel",
]

PROTOCOL_VERSION = "5.5"
_MODULE = ("-m", "async_kernel")
_METADATA = MappingProxyType(
    {
        "debugger": True,
        "concurrent": True,
        # jupyter_client encrypts if it is told to and a spec says so. Elsewhere the word means nothing to anybody.
        "supported_encryption": ["curve"],
    }
)


class KernelSpec(NamedTuple):
    """The content of kernel.json. Keys that this version does not know are not kept."""

    argv: tuple[str, ...]
    display_name: str
    env: Mapping[str, str] = MappingProxyType({})
    metadata: Mapping[str, Any] = _METADATA
    language: str = "python"
    interrupt_mode: str = "message"
    kernel_protocol_version: str = PROTOCOL_VERSION

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        executable: str = "python",
        env: Mapping[str, str] = MappingProxyType({}),
        metadata: Mapping[str, Any] = MappingProxyType({}),
    ) -> KernelSpec:
        """The spec of a kernel with these settings. `metadata` is added to the metadata of every spec of ours."""
        return cls(
            make_argv(settings, executable),
            settings.display_name or settings.kernel_name,
            MappingProxyType(dict(env)),
            MappingProxyType({**_METADATA, **metadata}),
        )

    @classmethod
    def from_json(cls, text: str | bytes, path: str = "") -> KernelSpec:
        """Read the text of a kernel.json, anybody's. Raises `SpecError` (with `path`) where it is none."""
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise SpecError(f"{path or 'The spec'} is not JSON: {error}", path) from None
        if not isinstance(data, dict) or not _is_argv(data.get("argv")):
            raise SpecError(f"{path or 'The spec'} has no argv.", path)
        return cls(
            tuple(data["argv"]),
            _text(data, "display_name", ""),
            MappingProxyType(_table(data, "env")),
            MappingProxyType(_table(data, "metadata")),
            _text(data, "language", ""),
            _text(data, "interrupt_mode", "signal"),
            _text(data, "kernel_protocol_version", ""),
        )

    def to_json(self) -> str:
        """The text of kernel.json, as the reference formats it."""
        data = {
            "argv": list(self.argv),
            "env": dict(self.env),
            "display_name": self.display_name,
            "language": self.language,
            "interrupt_mode": self.interrupt_mode,
            "metadata": dict(self.metadata),
            "kernel_protocol_version": self.kernel_protocol_version,
        }
        try:
            return json.dumps(data, indent=4, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"The metadata cannot be written as JSON: {error}", "Use text, numbers, lists, dicts."
            ) from None

    @property
    def provisioner(self) -> str:
        """The kernel provisioner by which a server starts it, empty for the server's own."""
        stanza = self.metadata.get("kernel_provisioner")
        name = stanza.get("provisioner_name") if isinstance(stanza, dict) else None
        return name if isinstance(name, str) else ""

    def settings(self) -> Settings:
        """The settings that this spec of ours starts a kernel with. Raises `UsageError` where its argv is not ours."""
        if not runs_async_kernel(self.argv):
            raise UsageError("The spec does not start async-kernel.", "`async-kernel list` shows those that do.")
        command = parse(self.argv[3:])
        if not isinstance(command, Start):
            raise UsageError("The spec does not start a kernel.", "Write it again with `async-kernel -a NAME`.")
        return command.settings._replace(display_name=self.display_name)


def make_argv(settings: Settings, executable: str = "python") -> tuple[str, ...]:
    """The argv of a spec: `("python", "-m", "async_kernel", "-f", "{connection_file}", ...)`.

    The display name is not in it: the spec has a key for that.
    """
    return (executable, *_MODULE, *render(settings._replace(display_name="")))


def fit_for_shell(argv: Sequence[str]) -> tuple[str, ...]:
    """The same argv in words that a shell leaves as they are: a gateway gives them to one by ssh, and quotes none.

    `"--backend_options={'use_uvloop': False}"` becomes `"--backend_options=use_uvloop:False"`. UsageError where there
    are no such words.
    """
    words = tuple(word if _is_plain(word) else _PUNCTUATION.sub("", word) for word in argv)
    wrong = [old for word, old in zip(words, argv, strict=True) if not _is_plain(word) or _changes(old, word)]
    if wrong:
        raise UsageError(
            f"A gateway gives {wrong[0]!r} to a shell, which would change it.",
            "Use values without spaces, quotes and signs, or a file of IPython's configuration on the other machine.",
        )
    return words


def _is_plain(word: str) -> bool:
    bare = re.sub(r"\{\w+\}", "", word)
    return not bare or shlex.quote(bare) == bare


def _changes(old: str, word: str) -> bool:
    """Whether an option means another thing by its new word."""
    return old != word and (not old.startswith("--") or parse(["-f", ".", old]) != parse(["-f", ".", word]))


_PUNCTUATION = re.compile(r"[{}' ]")


def runs_async_kernel(argv: Sequence[str]) -> bool:
    """Whether an argv is one of ours: `PYTHON -m async_kernel ...`. This is the mark by which we know our own specs:

    the reference fixes every key of kernel.json, so there is no room for another.
    """
    return tuple(argv[1:3]) == _MODULE


def executable_for(destination: Destination, surroundings: Surroundings, fullpath: bool | None = None) -> str:
    """The first word of argv: "python", or the full path of this interpreter.

    jupyter_client replaces a bare "python" by the interpreter of the *client* (`KernelManager.format_kernel_cmd`). In
    the environment's own kernels folder that is right as a rule, and the reference writes it (`fullpath` is
    False by default); it also survives a move of the environment. Anywhere else clients of other environments find
    the spec, and they would start their own Python: there the full path is the default. A flag on the command
    line wins over both.
    """
    if fullpath if fullpath is not None else not destination.own:
        if not surroundings.executable:
            raise SpecError("This interpreter does not know its own path.", "", "Write the spec without --fullpath.")
        return surroundings.executable
    return "python"


def prefix_of(executable: str) -> str:
    """The environment that an interpreter's path belongs to: `prefix_of("/env/bin/python") == "/env"`.

    Empty for a bare name. The path is taken as text: an environment's python is a link to another one.
    """
    path = ntpath if "\\" in executable or executable[1:2] == ":" else posixpath
    if not path.isabs(executable):
        return ""
    folder = path.dirname(path.normpath(executable))
    return str(path.dirname(folder) if path.basename(folder).lower() in {"bin", "scripts"} else folder)


def environment_label(surroundings: Surroundings) -> str:
    """A person's name for the environment: conda's name for it, else the folder's: "science" for "/envs/science".

    A folder named .venv, venv, .env or env says nothing: then it is the project's that holds it.
    """
    path = ntpath if surroundings.platform == "win32" else posixpath
    prefix = surroundings.prefix.rstrip("/\\")
    conda = surroundings.environ.get("CONDA_PREFIX", "").rstrip("/\\")
    if conda and conda == prefix and (name := surroundings.environ.get("CONDA_DEFAULT_ENV")):
        return path.basename(name) or name
    name = path.basename(prefix)
    if prefix in {"/usr", "/usr/local"}:
        return "system"
    if name in {".venv", "venv", ".env", "env"}:
        name = path.basename(path.dirname(prefix)) or name
    return str(name or prefix)


def default_display_name(name: str, destination: Destination, surroundings: Surroundings) -> str:
    """The display name where none is given: the kernel's name, and outside the environment which one it belongs to."""
    return name if destination.own else f"{name} ({environment_label(surroundings)})"


def _is_argv(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(word, str) for word in value)


def _text(data: Mapping[str, Any], key: str, default: str) -> str:
    value = data.get(key, default)
    return value if isinstance(value, str) else default


def _table(data: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}
