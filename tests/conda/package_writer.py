"""Writes one conda package: files and metadata in, an archive in a channel's folder out.

Knows the format (CEP 20 for noarch python; `info/index.json`, `info/paths.json`, `info/link.json`), not where the files
come from.
"""

from __future__ import annotations

import hashlib
import io
import json
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = ["PLACEHOLDER", "Content", "Metadata", "write_package"]

PLACEHOLDER = "/placeholder_of_the_prefix_" + "x" * 200
"""Stands in text files for the prefix that a package will be installed into; the installer replaces it."""


class Content(NamedTuple):
    """One file of a package: its bytes, or where it points to when it is a symbolic link."""

    path: str
    data: bytes = b""
    executable: bool = False
    link_to: str = ""


class Metadata(NamedTuple):
    """What `info/index.json` says of a package. `subdir` is for example "noarch" or "linux-64"."""

    name: str
    version: str
    subdir: str
    depends: list[str]
    build: str = "0"
    entry_points: Sequence[str] = ()
    site_packages: str = ""


def write_package(metadata: Metadata, contents: list[Content], channel: Path) -> Path:
    """Write `<channel>/<subdir>/<name>-<version>-<build>.tar.bz2` and return its path.

    A noarch package is a noarch python one: its modules stand in `site-packages/` and its entry points are made by
    the installer.
    """
    folder = channel / metadata.subdir
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{metadata.name}-{metadata.version}-{metadata.build}.tar.bz2"
    with tarfile.open(archive, "w:bz2", compresslevel=1) as tar:
        for path, document in _info(metadata, contents).items():
            _add(tar, Content(path, json.dumps(document, indent=1).encode()))
        for content in contents:
            _add(tar, content)
    return archive


def _info(metadata: Metadata, contents: list[Content]) -> dict[str, object]:
    index: dict[str, object] = {
        "name": metadata.name,
        "version": metadata.version,
        "build": metadata.build,
        "build_number": 0,
        "depends": metadata.depends,
        "subdir": metadata.subdir,
    }
    documents: dict[str, object] = {
        "info/index.json": index,
        "info/paths.json": {"paths": [_path_entry(content) for content in contents], "paths_version": 1},
    }
    if metadata.site_packages:
        index["python_site_packages_path"] = metadata.site_packages
    if metadata.subdir == "noarch":
        index["noarch"] = "python"
        documents["info/link.json"] = {
            "noarch": {"type": "python", "entry_points": list(metadata.entry_points)},
            "package_metadata_version": 1,
        }
    return documents


def _path_entry(content: Content) -> dict[str, object]:
    entry: dict[str, object] = {
        "_path": content.path,
        "path_type": "softlink" if content.link_to else "hardlink",
        "sha256": hashlib.sha256(content.data).hexdigest(),
        "size_in_bytes": len(content.data),
    }
    if PLACEHOLDER.encode() in content.data:
        entry |= {"prefix_placeholder": PLACEHOLDER, "file_mode": "text"}
    return entry


def _add(tar: tarfile.TarFile, content: Content) -> None:
    member = tarfile.TarInfo(content.path)
    member.mode = 0o755 if content.executable else 0o644
    member.mtime = 1  # 0 would be taken for "no time" by zip-based tools further on
    if content.link_to:
        member.type, member.linkname = tarfile.SYMTYPE, content.link_to
        tar.addfile(member)
    else:
        member.size = len(content.data)
        tar.addfile(member, io.BytesIO(content.data))


def is_executable(path: Path) -> bool:
    """Whether the file's owner may run it."""
    return bool(path.stat().st_mode & stat.S_IXUSR)
