"""The environments that are measured: one for each peer, one for this checkout, one for the client.

Standard library only: it runs before anything is installed. It knows what to install and where the spec of each
kernel then is; it does not start kernels.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = ["CLIENT", "SUBJECTS", "Environment", "PreparationError", "Subject", "prepare", "python_of"]

INSTALL_SECONDS: Final = 900
VERSIONS: Final = (
    "import json, importlib.metadata as m, platform as p;"
    "print(json.dumps({'python': p.python_version()} | {d.name.lower(): d.version for d in m.distributions()}))"
)


class PreparationError(Exception):
    """An environment or a spec could not be made; the text says which command failed and what it printed."""


class Environment(NamedTuple):
    """One virtual environment: its name and what pip installs into it; `checkout` are extras of this checkout."""

    name: str
    requirements: tuple[str, ...]
    checkout: str = ""


class Subject(NamedTuple):
    """One kernel to measure.

    `spec` is the name of its kernel spec under the environment's prefix; none for the floor, which is a script of
    this folder. `add` are the options with which this project's own command line writes that spec. One that is
    `encrypted` gets the keys of CurveZMQ.
    """

    name: str
    environment: str
    spec: str = ""
    add: tuple[str, ...] = ()
    encrypted: bool = False


CLIENT: Final = Environment("client", ("pyzmq>=27", "psutil>=6"))

ENVIRONMENTS: Final = (
    CLIENT,
    Environment("ours", (), checkout="uvloop,trio"),
    Environment("ipykernel", ("ipykernel==7.4.0",)),
    Environment("xeus-python", ("xeus-python==0.19.0",)),
    # The peer of the same name gets what this kernel gets, uvloop, so that loops are compared with like loops.
    Environment("pypi-async-kernel", ("async-kernel==0.23.1", "uvloop", "trio")),
)

USE_ASYNCIO: Final = "--backend_options={'use_uvloop':False}"

SUBJECTS: Final = (
    Subject("floor", "client"),
    Subject("ipykernel", "ipykernel", "python3"),
    Subject("xeus-python", "xeus-python", "xpython"),
    Subject("xeus-python-raw", "xeus-python", "xpython-raw"),
    Subject("pypi-async-kernel", "pypi-async-kernel", "async"),
    Subject("async", "ours", "bench-asyncio", ("--backend=asyncio", USE_ASYNCIO)),
    Subject("async-uvloop", "ours", "bench-uvloop", ("--backend=asyncio", "--backend_options={'use_uvloop':True}")),
    Subject("async-trio", "ours", "bench-trio", ("--backend=trio",)),
    Subject("async-encrypted", "ours", "bench-encrypted", ("--backend=asyncio", USE_ASYNCIO), encrypted=True),
)


def run(command: Sequence[str | Path], timeout: float = INSTALL_SECONDS) -> str:
    """The standard output of a command; raises `PreparationError` when it fails or takes longer than `timeout` s."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PreparationError(f"{' '.join(words)}\n{error}") from error
    if done.returncode:
        raise PreparationError(f"{' '.join(words)}\n{(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def python_of(prefix: Path) -> Path:
    """The interpreter of the environment at `prefix`, for example `prefix/bin/python`."""
    return prefix / "Scripts" / "python.exe" if os.name == "nt" else prefix / "bin" / "python"


def fingerprint(environment: Environment, root: Path) -> str:
    """What the environment is made from, as a digest: interpreter, requirements, and the checkout's files."""
    digest = hashlib.sha256(repr((sys.version, environment)).encode())
    if environment.checkout:
        inside = (sorted((root / folder).rglob("*")) for folder in ("async_kernel", "share"))
        for path in [root / "pyproject.toml", *itertools.chain(*inside)]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def create(environment: Environment, prefix: Path, root: Path) -> None:
    """Make the environment at `prefix` and compile its bytecode; one that is up to date is left as it is.

    Made with uv when that is on PATH, else with venv and pip. Raises `PreparationError`.
    """
    stamp = prefix / "benchmark-stamp"
    wanted = fingerprint(environment, root)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    print(f"installing {environment.name}", file=sys.stderr, flush=True)
    shutil.rmtree(prefix, ignore_errors=True)
    requirements: list[str] = [*environment.requirements]
    if environment.checkout:
        requirements.append(f"{root}[{environment.checkout}]")
    uv = shutil.which("uv")
    if uv:
        run([uv, "venv", "--quiet", "--python", sys.executable, prefix])
        run([uv, "pip", "install", "--quiet", "--python", python_of(prefix), *requirements])
    else:
        run([sys.executable, "-m", "venv", prefix])
        run([python_of(prefix), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements])
    compile_bytecode(prefix)
    stamp.write_text(wanted)


def compile_bytecode(prefix: Path) -> None:
    """Compile everything under `prefix`, so that no kernel pays for it in its first measured start.

    Packages ship files that cannot be compiled (templates, tests of parsers), so failures are expected and ignored.
    """
    command = [str(python_of(prefix)), "-m", "compileall", "-qq", str(prefix / ("Lib" if os.name == "nt" else "lib"))]
    subprocess.run(command, capture_output=True, timeout=INSTALL_SECONDS, check=False)


def kernel_command(subject: Subject, prefix: Path, root: Path) -> tuple[list[str], dict[str, str]]:
    """The argv of a kernel, "{connection_file}" still in it, and the environment variables of its spec.

    A bare `python` in a spec is replaced by the environment's interpreter, as Jupyter does it. Specs of this project
    are written first, by its own command line. Raises `PreparationError`.
    """
    python = str(python_of(prefix))
    if not subject.spec:
        return [python, str(root / "benchmarks" / "floor.py"), "{connection_file}"], {}
    if subject.add:
        command = [python, "-m", "async_kernel", "-a", subject.spec, *subject.add, f"--prefix={prefix}"]
        run(command, timeout=60)
    path = prefix / "share" / "jupyter" / "kernels" / subject.spec / "kernel.json"
    try:
        spec: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        argv = [str(word) for word in spec["argv"]]
    except (OSError, ValueError, KeyError) as error:
        raise PreparationError(f"{path}: {error!r}") from error
    major, minor = sys.version_info[:2]
    if argv[0] in {"python", "python3", f"python{major}", f"python{major}.{minor}"}:
        argv[0] = python
    return argv, {str(name): str(value) for name, value in spec.get("env", {}).items()}


def prepare(names: Sequence[str], folder: Path, root: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Make the environments of the kernels `names` under `folder`; `root` is the checkout.

    Gives what is ready, one dict each (`name`, `argv`, `env`, `prefix`, `versions`, `encrypted`), and for the others
    the reason why not. Raises `PreparationError` only when the client's own environment fails.
    """
    create(CLIENT, folder / CLIENT.name, root)
    environments = {environment.name: environment for environment in ENVIRONMENTS}
    ready: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for subject in SUBJECTS:
        if subject.name not in names:
            continue
        prefix = folder / subject.environment
        try:
            create(environments[subject.environment], prefix, root)
            argv, env = kernel_command(subject, prefix, root)
            versions = json.loads(run([python_of(prefix), "-I", "-c", VERSIONS], timeout=60))
        except PreparationError as error:
            failed[subject.name] = str(error)
        else:
            made = {"argv": argv, "env": env, "prefix": str(prefix), "versions": versions}
            ready.append({"name": subject.name, **made, "encrypted": subject.encrypted})
    return ready, failed
