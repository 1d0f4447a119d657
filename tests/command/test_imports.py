"""What a command imports. Time is measured in benchmarks/command_line.py; here it is the modules that count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "asyncio",
    "zmq",
    "IPython",
    "anyio",
    "trio",
    "traitlets",
    "jupyter_client",
    "jupyter_core",
    "rich",
    "argparse",
}
SHOW = """
import atexit, json, sys
atexit.register(lambda: print("\\n" + json.dumps(sorted(sys.modules)), file=sys.stderr))
"""


def modules_after(code: str, tmp_path: Path) -> set[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "COV"))}
    ran = subprocess.run(
        [sys.executable, "-c", SHOW + code],
        env={**environ, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "APPDATA": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stderr.splitlines()[-1]))


def command(*words: str) -> str:
    return f"import sys; from async_kernel.command import command_line; sys.exit(command_line({list(words)!r}))"


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What is imported without us: an environment's .pth files import things too."""
    return modules_after("pass", tmp_path_factory.mktemp("home"))


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["list"],
        ["list", "--json"],
        ["-a", "x", "--folder=kernels"],
        ["-r", "x", "--folder=kernels"],
        ["-h"],
    ],
    ids=" ".join,
)
def test_a_command_needs_no_loop_no_sockets_and_no_interpreter(
    words: list[str], tmp_path: Path, bare: set[str]
) -> None:
    if words[0] == "-r":
        modules_after(command("-a", "x", "--folder=kernels"), tmp_path)
    assert not (modules_after(command(*words), tmp_path) - bare) & HEAVY


def test_importing_the_package_costs_nothing(tmp_path: Path, bare: set[str]) -> None:
    loaded = modules_after("import async_kernel", tmp_path) - bare
    assert not loaded & (HEAVY | {"typing", "pathlib", "json"})
    assert {name for name in loaded if name.startswith("async_kernel")} <= {"async_kernel", "async_kernel._version"}


def test_reading_the_argv_of_a_spec_imports_little(tmp_path: Path, bare: set[str]) -> None:
    """What stands before the first reply of a kernel: the table, and no module that reads disks or literals."""
    words = ["-f", "c.json", "--start_interface=a.b", "--kernel_name=async-trio", "--backend=trio", "--quiet=False"]
    code = "from async_kernel.command import _with_spec; from async_kernel.settings import parse"
    loaded = modules_after(f"{code}; _with_spec(parse({words}).settings)", tmp_path) - bare
    assert not loaded & (HEAVY | {"pathlib", "dataclasses", "inspect", "ast", "difflib", "subprocess", "sysconfig"})
    assert not any(name.startswith("async_kernel.kernelspec") for name in loaded)
