"""The running CPython, as the conda package `python`.

What stands in the package is the interpreter and its standard library, without tests, IDLE, site-packages and caches.
A shared libpython is taken from where the running interpreter finds it (its RUNPATH is absolute), so such an
environment is for tests on the machine that made it.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

from tests.conda.package_writer import Content, Metadata, is_executable, write_package

__all__ = ["VERSION", "convert_cpython", "why_not"]

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LEFT_OUT = {
    "EXTERNALLY-MANAGED",
    "__pycache__",
    "idlelib",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "turtledemo",
}

FOR_DEBIAN = """\
import os, site, sys, sysconfig
sysconfig._get_preferred_schemes = lambda: {"prefix": "posix_prefix", "home": "posix_home", "user": "posix_user"}
site.addsitedir(os.path.join(sys.prefix, "lib", "python%d.%d" % sys.version_info[:2], "site-packages"))
"""
"""Debian's Python looks for packages in dist-packages; this sitecustomize makes it look where every other one does."""


def why_not() -> str:
    """Why the running CPython cannot be packed, or "" when it can."""
    if sys.platform != "linux":
        return "the package `python` is made from a CPython as Linux lays it out"
    return ""


def convert_cpython(channel: Path, subdir: str) -> Path:
    """Write the package `python` of the running version into `channel` and return its path."""
    library = Path(sysconfig.get_path("stdlib"))
    executable = Path(sys.base_prefix, "bin", f"python{VERSION}").resolve()
    contents = [
        Content(f"bin/python{VERSION}", executable.read_bytes(), executable=True),
        Content("bin/python3", link_to=f"python{VERSION}"),
        Content("bin/python", link_to=f"python{VERSION}"),
        *_tree(library, f"lib/python{VERSION}"),
        Content(f"lib/python{VERSION}/site-packages/README.txt", b"Packages of this environment stand here.\n"),
    ]
    if "deb_system" in sysconfig.get_scheme_names():
        customize = f"lib/python{VERSION}/sitecustomize.py"
        contents = [content for content in contents if content.path != customize]
        contents.append(Content(customize, FOR_DEBIAN.encode()))
    metadata = Metadata(
        name="python",
        version=".".join(map(str, sys.version_info[:3])),
        subdir=subdir,
        depends=[],
        build="0_cpython",
        site_packages=f"lib/python{VERSION}/site-packages",
    )
    return write_package(metadata, contents, channel)


def _tree(folder: Path, under: str) -> list[Content]:
    contents = []
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_OUT or path.name.startswith("config-"):
            continue
        if path.is_dir():
            contents += _tree(path, f"{under}/{path.name}")
        elif path.is_file():
            contents.append(Content(f"{under}/{path.name}", path.read_bytes(), executable=is_executable(path)))
    return contents
