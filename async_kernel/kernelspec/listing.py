"""Every kernel spec that Jupyter would see, and for each: whether it wins, its owner, and whether it can start."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from async_kernel.errors import AsyncKernelError, SpecError, UsageError
from async_kernel.settings import Settings

from . import store
from .api import owner_of
from .locations import locations_for
from .spec import KernelSpec, prefix_of, runs_async_kernel
from .start_interface import RESOURCE_DIR
from .surroundings import Surroundings

__all__ = ["Found", "find", "find_all", "settings_of"]


class Found(NamedTuple):
    """One kernel spec as it lies on the disk."""

    name: str
    folder: Path
    spec: KernelSpec | None
    """None where kernel.json cannot be read; `problem` says why."""
    wins: bool
    """Whether Jupyter takes this one for its name: it is the first in the search order."""
    interpreter: str
    """The program that would be started; empty where it is not there."""
    problem: str
    """Why the spec cannot start a kernel, else empty."""
    owner: str
    """The prefix of the environment it belongs to; empty where it is whoever's client starts it."""

    @property
    def ours(self) -> bool:
        """Whether it starts async-kernel."""
        return self.spec is not None and runs_async_kernel(self.spec.argv)

    @property
    def dead(self) -> bool:
        """Whether its interpreter is gone."""
        return self.spec is not None and not self.interpreter and not _is_elsewhere(self.spec)

    def as_dict(self) -> dict[str, Any]:
        """Its entry in `async-kernel list --json`."""
        settings = settings_or_none(self)
        return {
            "name": self.name,
            "display_name": self.spec.display_name if self.spec else "",
            "folder": str(self.folder),
            "wins": self.wins,
            "ours": self.ours,
            "owner": self.owner,
            "argv": list(self.spec.argv) if self.spec else [],
            "interpreter": self.interpreter,
            "dead": self.dead,
            "problem": self.problem,
            "backend": settings.backend if settings else "",
            "host": settings.host if settings else None,
            "gateway": settings.attributes.get("gateway.way") if settings else None,
        }


def find_all(surroundings: Surroundings | None = None) -> list[Found]:
    """The specs in every folder that Jupyter searches, in its order."""
    here = surroundings or Surroundings.here()
    seen: set[str] = set()
    return [_found(folder, seen, here) for folder in _folders(locations_for(here).search_path())]


def find(name: str, surroundings: Surroundings | None = None) -> Path | None:
    """The folder of the spec that Jupyter takes for `name`, or None."""
    here = surroundings or Surroundings.here()
    try:
        store.check_name(name)
    except UsageError:
        return None  # no installed spec can have it
    for kernels in locations_for(here).search_path():
        folder = store.spec_folder(Path(kernels), name)
        if (folder / store.KERNEL_JSON).is_file():
            return folder
    return None


def settings_of(name: str, surroundings: Surroundings | None = None) -> Settings | None:
    """The settings of the installed spec `name`, if there is one and it is ours. Somebody else's says nothing to us."""
    folder = find(name, surroundings)
    if folder is None:
        return None
    try:
        settings = store.read(folder).settings()
    except AsyncKernelError:
        return None
    return settings._replace(start_interface=settings.start_interface.replace(RESOURCE_DIR, str(folder)))


def settings_or_none(found: Found) -> Settings | None:
    """The settings of a spec of ours; None for another kernel's, or a spec that this version does not understand."""
    try:
        return found.spec.settings() if found.spec and found.ours else None
    except UsageError:
        return None


def _folders(search_path: list[str]) -> Iterator[Path]:
    for kernels in search_path:
        try:
            entries = sorted(Path(kernels).iterdir())
        except OSError:
            continue
        yield from (entry for entry in entries if (entry / store.KERNEL_JSON).is_file())


def _found(folder: Path, seen: set[str], here: Surroundings) -> Found:
    name = folder.name.lower()
    wins = name not in seen
    seen.add(name)
    try:
        spec = store.read(folder)
    except SpecError as error:
        return Found(name, folder, None, wins, "", error.message, "")
    interpreter = _interpreter(spec.argv[0], here)
    owner = owner_of(folder, spec, here)
    if not interpreter and _is_elsewhere(spec):
        return Found(name, folder, spec, wins, "", _misunderstood(spec), owner)
    problem = "" if interpreter else f"{spec.argv[0]} is gone"
    if not problem and runs_async_kernel(spec.argv):
        problem = _misunderstood(spec) or ("" if _has_async_kernel(interpreter, here) else _LACKING.format(interpreter))
    return Found(name, folder, spec, wins, interpreter, problem, owner)


_LACKING = "{} cannot import async_kernel"


def _is_elsewhere(spec: KernelSpec) -> bool:
    """Whether the gateway starts its interpreter on another host, of which nothing is known here."""
    try:
        return runs_async_kernel(spec.argv) and spec.settings().attributes.get("gateway.way") == "ssh"
    except UsageError:
        return False


def _misunderstood(spec: KernelSpec) -> str:
    try:
        spec.settings()
    except UsageError as error:
        return error.message
    return ""


def _interpreter(command: str, here: Surroundings) -> str:
    """The program that jupyter_client would start: a bare python is this interpreter (`format_kernel_cmd`)."""
    version = sys.version_info
    if command in {"python", f"python{version[0]}", f"python{version[0]}.{version[1]}"}:
        return here.executable
    if os.sep in command or (os.altsep and os.altsep in command):
        return command if os.access(command, os.X_OK) and not Path(command).is_dir() else ""
    from shutil import which

    return which(command) or ""


def _has_async_kernel(interpreter: str, here: Surroundings) -> bool:
    """Whether the interpreter can import this package. It is asked only where its folders do not tell."""
    prefix = prefix_of(interpreter)
    if prefix == prefix_of(here.executable):
        return True
    folders = ("lib/python*/site-packages", "lib64/python*/site-packages", "Lib/site-packages")
    if any(next(Path(prefix).glob(f"{one}/async_kernel-*.dist-info"), None) for one in folders):
        return True
    import subprocess

    try:
        asked = subprocess.run(
            [interpreter, "-c", "import async_kernel"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=10,
            cwd=prefix or None,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return asked.returncode == 0
