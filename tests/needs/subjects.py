"""This project's kernel and its peers, as subjects: what is installed where, and the argv that starts each.

An environment is a folder with an interpreter; `install` makes one. The peers' releases are pinned, so that the table
in docs/compare/needs.md says what it says.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from .kernel import Backend, Subject

__all__ = ["ENVIRONMENTS", "ROOT", "Environment", "install", "ours", "subjects_of"]

ROOT = Path(__file__).resolve().parents[2]

# What the cells of the probes import, beside the kernel: the loops of row 4, and libraries that run one; and what the
# kernels' debuggers are made of, which not all of them bring.
PROBED_WITH = ("trio", "uvloop", "anyio", "uvicorn", "asgiref", "asyncclick", "debugpy")


class Environment(NamedTuple):
    """One environment to be made: `packages` is what pip installs, the probes' libraries come on top."""

    name: str
    packages: Sequence[str]
    editable: bool = False


ENVIRONMENTS = (
    Environment("this", (f"{ROOT}[trio,uvloop]",), editable=True),
    Environment("ipykernel", ("ipykernel==7.4.0",)),
    Environment("xeus-python", ("xeus-python==0.19.0",)),
    Environment("async-kernel-0.23.1", ("async-kernel==0.23.1",)),
)

_START = {
    "ipykernel": ("-m", "ipykernel_launcher", "-f", "{connection_file}"),
    "xeus-python": ("-m", "xpython_launcher", "-f", "{connection_file}"),
    "async-kernel-0.23.1": ("-m", "async_kernel", "start", "--connection_file={connection_file}", "--name=async"),
}


def install(environment: Environment, folder: Path) -> str:
    """Make the environment under `folder` unless it stands there already; return its interpreter."""
    home = folder / environment.name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = json.dumps([*environment.packages, *PROBED_WITH])
    stamp = home / "installed.json"
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        packages = (["-e"] if environment.editable else []) + [*environment.packages, *PROBED_WITH]
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        stamp.write_text(wanted)
    return str(python)


def ours(python: str, loop: str) -> Subject:
    """This project's kernel on "asyncio", "uvloop" or "trio"."""
    backend: Backend = "trio" if loop == "trio" else "asyncio"
    options = [f"--backend={backend}"]
    if backend == "asyncio":
        options.append(f"--backend_options={{'use_uvloop': {loop == 'uvloop'}}}")
    argv = [python, "-m", "async_kernel", "-f", "{connection_file}", *options]
    return Subject(f"async-kernel ({loop})", python, argv, backend, ours=True)


def subjects_of(environment: Environment, python: str) -> Iterator[Subject]:
    """The kernels to be probed in an environment."""
    if environment.name == "this":
        for loop in ("asyncio", "uvloop", "trio"):
            yield ours(python, loop)
        return
    argv = [python, *_START[environment.name]]
    yield Subject(environment.name, python, argv)
    if environment.name == "ipykernel":  # its cells await trio after a line of magic
        yield Subject("ipykernel (trio)", python, argv, "trio", before="%autoawait trio")
    if environment.name == "async-kernel-0.23.1":
        yield Subject(f"{environment.name} (trio)", python, [*argv, "--backend=trio"], "trio")
