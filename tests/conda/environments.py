"""conda environments for tests: solve against local channels, install, upgrade, remove, and run what is inside."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rattler import (
    BuildString,
    Gateway,
    GenericVirtualPackage,
    PackageName,
    PrefixRecord,
    Subdir,
    Version,
    install,
    solve,
)
from rattler.repo_data import RepoDataRecord

__all__ = ["Environment", "files_below", "solve_for"]

VIRTUAL_PACKAGES = {
    "linux": {"__unix": "0", "__linux": "6.1", "__glibc": "2.36"},
    "osx": {"__unix": "0", "__osx": "14.0"},
    "win": {"__win": "10"},
}
"""What conda finds out about each system, as packages that it offers to the solver."""


def solve_for(
    platform: str,
    specs: Sequence[str],
    channels: Sequence[str],
    installed: Sequence[PrefixRecord] = (),
) -> list[RepoDataRecord]:
    """What conda would install for `specs` on a platform such as "osx-arm64", newest first.

    Raises rattler's SolverError when there is no solution.
    """
    virtual = [
        GenericVirtualPackage(PackageName(name), Version(version), BuildString("0"))
        for name, version in VIRTUAL_PACKAGES[platform.split("-")[0]].items()
    ]
    return asyncio.run(
        solve(
            sources=list(channels),
            specs=list(specs),
            gateway=Gateway(),  # a new one each time: it remembers what channels held
            platforms=[Subdir(platform), Subdir("noarch")],
            virtual_packages=virtual,
            locked_packages=list(installed),
        )
    )


class Environment:
    """A conda environment at `prefix`, made from `channels`, entered by programs as `conda activate` would.

    Programs see a home, a conda environment and Jupyter paths that are not this environment's (`decoy`): whatever
    they find, they must have found through the prefix.
    """

    def __init__(self, prefix: Path, channels: Sequence[str], decoy: Path) -> None:
        self.prefix = prefix
        self.channels = list(channels)
        self.decoy = decoy
        self.platform = str(Subdir.current())

    def install(self, *specs: str) -> list[RepoDataRecord]:
        """Make the environment hold just what `specs` need: installs, upgrades and removes. Returns its packages."""
        installed = self.installed()
        records = solve_for(self.platform, specs, self.channels, installed) if specs else []
        self.install_records(records)
        return records

    def install_records(self, records: list[RepoDataRecord], **options: Any) -> None:
        """Make the environment hold just these packages. Link scripts of packages are never run."""
        asyncio.run(
            install(
                records,
                self.prefix,
                installed_packages=self.installed(),
                execute_link_scripts=False,
                show_progress=False,
                **options,
            )
        )

    def installed(self) -> list[PrefixRecord]:
        """What is in the environment, as `conda list` reads it."""
        return [PrefixRecord.from_path(path) for path in sorted(self.prefix.glob("conda-meta/*.json"))]

    def run(self, *command: str, **environment: str) -> str:
        """Run a program of the environment and return what it printed. Fails the test unless it exits with 0."""
        variables = {
            "PATH": f"{self.prefix / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.decoy),
            "CONDA_PREFIX": str(self.decoy / "base"),
            "CONDA_DEFAULT_ENV": "base",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            **environment,
        }
        run = subprocess.run(
            [str(self.prefix / "bin" / command[0]), *command[1:]],
            env=variables, cwd=self.decoy, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert run.returncode == 0, f"{command}: exit status {run.returncode}\n{run.stdout}\n{run.stderr}"
        return run.stdout


def files_below(folder: Path) -> set[str]:
    """The files and links below a folder, without the caches that running Python leaves and conda's own records."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    return {path for path in found if "__pycache__" not in path and not path.startswith("conda-meta/")}
