"""Local conda channels: one of real packages made from PyPI, one of stubs for the systems that are not here."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rattler import Subdir
from rattler.index.index import index_fs

from tests.conda.cpython import convert_cpython
from tests.conda.package_writer import Content, Metadata, write_package
from tests.conda.recipe import read_json
from tests.conda.wheels import convert_wheel

__all__ = ["make_channel", "make_stub_channel"]

LOOPS = ("uvloop", "winloop")


def make_channel(requirements: Sequence[str], wheels: Path, channel: Path, environment: Mapping[str, str]) -> str:
    """Make a channel of the running CPython and the wheels that `requirements` need. Returns its URL.

    `environment` is what pip runs in: the settings that say where it downloads from are there.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(wheels)]
    run = subprocess.run(
        [*command, *requirements], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    subdir = str(Subdir.current())
    for wheel in sorted(wheels.glob("*.whl")):
        convert_wheel(wheel, channel, subdir)
    convert_cpython(channel, subdir)
    return index(channel)


def make_stub_channel(real: Path, packages: Sequence[Path], stub: Path, platforms: Sequence[str]) -> str:
    """Make a channel of noarch `packages` and, on each platform, what `real` offers here: binary ones as empty stubs.

    Both loops are offered on every platform, so that what a solve picks is the recipe's doing. Returns its URL.
    """
    shutil.copytree(real / "noarch", stub / "noarch", copy_function=shutil.copy)
    for package in packages:
        shutil.copy(package, stub / "noarch")
    records = read_json(real / str(Subdir.current()) / "repodata.json")["packages"].values()
    for platform in platforms:
        for record in records:
            _stub(stub, platform, record["name"], record["version"], record["depends"], record["build"])
        for loop in LOOPS:
            _stub(stub, platform, loop, "9.0", ["python"], "stub_0")
    return index(stub)


def _stub(channel: Path, platform: str, name: str, version: str, depends: list[str], build: str) -> None:
    contents = [Content(f"share/stubs/{name}", b"a stub\n")]
    site_packages = ""
    if name == "python":
        windows = platform.startswith("win")
        contents.append(Content("python.exe" if windows else "bin/python", b"a stub\n", executable=True))
        site_packages = "Lib/site-packages" if windows else f"lib/python{version.rpartition('.')[0]}/site-packages"
    write_package(Metadata(name, version, platform, depends, build, (), site_packages), contents, channel)


def index(channel: Path) -> str:
    """Write the channel's repodata and return its URL."""
    asyncio.run(index_fs(channel))
    return channel.as_uri()
