"""The environment variables that a kernel needs, so that `!pip`, `!uv` and `!which python` act on the kernel's
environment.

A kernel that a client of another environment started by full path inherits that client's PATH, VIRTUAL_ENV and
CONDA_PREFIX. This module lists the changes; it makes none, and knows no kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

__all__ = ["environment"]


def environment(
    environ: Mapping[str, str],
    prefix: str,
    base_prefix: str,
    executable: str,
    platform: str,
    exists: Callable[[str], bool],
) -> dict[str, str | None]:
    """The changes to make: a variable's new value, or None to take it out. Empty when all is right already.

    `exists` tells whether a path is there (`os.path.exists`). For a virtual environment in /env, started by a client
    that has none: `{"PATH": "/env/bin:/usr/bin", "VIRTUAL_ENV": "/env"}`.

    An environment's folders come first on PATH. A system's Python changes the order of nothing: its folder is only
    added where it is missing, and variables that name another environment are taken out.
    """
    windows = platform == "win32"
    separator, slash = (";", "\\") if windows else (":", "/")
    conda = exists(slash.join((prefix, "conda-meta")))
    virtual = prefix != base_prefix and not conda
    changes: dict[str, str | None] = {}

    old = environ.get("PATH", "")
    folders = _folders(prefix, executable, windows, conda, slash)
    entries = [entry for entry in old.split(separator) if entry]
    if virtual or conda:
        path = [
            *folders,
            *(entry for entry in entries if _same(entry, windows) not in {_same(f, windows) for f in folders}),
        ]
    else:
        present = {_same(entry, windows) for entry in entries}
        path = [*(folder for folder in folders if _same(folder, windows) not in present), *entries]
    changes["PATH"] = separator.join(path) if path != entries else old

    changes["VIRTUAL_ENV"] = prefix if virtual else None
    if conda:
        changes["CONDA_PREFIX"] = prefix
        if environ.get("CONDA_PREFIX") != prefix:
            changes["CONDA_DEFAULT_ENV"] = _conda_name(prefix, slash)
    elif not virtual:
        changes["CONDA_PREFIX"] = changes["CONDA_DEFAULT_ENV"] = None
    # PYTHONHOME would send every Python that a cell starts to another standard library; activating takes it out too.
    if virtual:
        changes["PYTHONHOME"] = None
    return {name: value for name, value in changes.items() if environ.get(name) != value}


def _folders(prefix: str, executable: str, windows: bool, conda: bool, slash: str) -> list[str]:
    """The folders of the environment's commands, as its own activation puts them on PATH."""
    if not windows:
        return [executable.rpartition(slash)[0] or slash.join((prefix, "bin"))]
    if conda:
        parts = ("", "Library\\mingw-w64\\bin", "Library\\usr\\bin", "Library\\bin", "Scripts", "bin")
        return [slash.join((prefix, part)) if part else prefix for part in parts]
    own = executable.rpartition(slash)[0]
    scripts = slash.join((prefix, "Scripts"))
    return list(dict.fromkeys([own or scripts, scripts]))


def _same(folder: str, windows: bool) -> str:
    return folder.rstrip("\\/").replace("/", "\\").lower() if windows else folder.rstrip("/")


def _conda_name(prefix: str, slash: str) -> str:
    """`/opt/conda/envs/science` is "science", anything else goes by its path, as conda has it."""
    parent, _, name = prefix.rpartition(slash)
    return name if parent.endswith(f"{slash}envs") else prefix
