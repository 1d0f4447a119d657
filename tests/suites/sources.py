"""Source distributions of suites: fetched by pip, checked against their hash, kept under `build/`.

Only the tests are unpacked. Nothing of them is part of this project.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from .differences import Suite

__all__ = ["fetch", "unpack"]


def fetch(suite: Suite, cache: Path, variables: Mapping[str, str]) -> Path:
    """The archive of a suite, e.g. `build/suites/sources/nbclient-0.11.0.tar.gz`. Downloads it the first time.

    pip refuses an archive with another hash. `variables` is the environment in which pip finds its configuration.
    """
    archive = cache / f"{suite.name}-{suite.version}.tar.gz"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        wanted = cache / f"{suite.name}.txt"
        wanted.write_text(f"{suite.name}=={suite.version} --hash=sha256:{suite.sha256}\n", encoding="utf-8")
        command = [
            sys.executable, "-m", "pip", "download", "-qq", "--no-deps", f"--no-binary={suite.name}",
            "--require-hashes", f"--dest={cache}", f"--requirement={wanted}",
        ]  # fmt: skip
        # pip asks the build backend for metadata. ipympl's would build its JavaScript for that, with npm.
        subprocess.run(command, check=True, timeout=300, env={**variables, "SKIP_JUPYTER_BUILDER": "1"})
    return archive


def unpack(suite: Suite, archive: Path, folder: Path) -> Path:
    """Unpack the tests of a suite below `folder`; the folder that stands for the root of its distribution."""
    root = f"{suite.name}-{suite.version}"
    with tarfile.open(archive) as file:
        wanted = [f"{root}/{member}" for member in suite.members]
        members = [each for each in file if any(each.name == one or each.name.startswith(f"{one}/") for one in wanted)]
        file.extractall(folder, members, filter="data")
    return folder / root
