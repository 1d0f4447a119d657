"""Kernel specs on disk: written so that a reader sees the old one or the new one, and nothing else, whatever happens.

A new spec is staged in a folder inside the kernels folder, forced to disk, and moved into place by one rename. A spec
that is there already is renewed file by file: the files that the new kernel.json needs are put beside the old one
first, then one rename replaces kernel.json. (Two folders cannot be exchanged by one rename on every system; a file
can.) A writer that is killed at any point leaves at worst a staging folder, which is no spec, and which the next writer
takes away.

Nothing is removed that async-kernel did not write. This module knows paths and bytes, not where a spec should go.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from async_kernel.errors import SpecError, UsageError

from .spec import KernelSpec, runs_async_kernel

__all__ = [
    "KERNEL_JSON",
    "check_name",
    "check_removable",
    "is_own_file",
    "left_by_removal",
    "logos",
    "read",
    "remove",
    "spec_folder",
    "write",
]

KERNEL_JSON = "kernel.json"
_LOGOS = ("logo-32x32.png", "logo-64x64.png", "logo-svg.svg")
_SOURCE = re.compile(r"start_interface_[0-9a-f]{16}\.py")
_STAGE = ".async-kernel-staging"
_KEPT = "kernel.json.before-async-kernel"

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def check_name(name: str) -> str:
    """The name under which a spec is stored: `name` in lower case, as jupyter_client compares names.

    Raises `UsageError` for a name that jupyter_client does not take (letters, digits, "-", "." and "_"), or that cannot
    be a folder on every system: ".", "..", a leading dash or dot, a trailing dot, Windows' device names, more than 64
    letters.
    """
    why = ""
    if not _NAME.fullmatch(name):
        why = "may contain only ASCII letters, digits, and - . _"
    elif name[0] in "-." or name[-1] == ".":
        why = "may not begin with a dash or a dot, or end with a dot"
    elif len(name) > 64:
        why = f"may have at most 64 characters, not {len(name)}"
    elif _RESERVED.fullmatch(name):
        why = "may not be the name of a device on Windows"
    if why:
        raise UsageError(f"The name of a kernel spec {why}: {name!r}.", "Use another name, such as async-trio.")
    return name.lower()


def spec_folder(kernels: Path, name: str) -> Path:
    """The folder of the spec `name` in the kernels folder, as jupyter_client finds it: case does not matter."""
    folder = kernels / check_name(name)
    if not folder.exists():
        with suppress(OSError):
            return next((one for one in sorted(kernels.iterdir()) if one.name.lower() == folder.name), folder)
    return folder


def read(folder: Path) -> KernelSpec:
    """The spec in `folder`. Raises `SpecError` where there is none, or none that can be read."""
    path = folder / KERNEL_JSON
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SpecError(
            f"There is no kernel spec in {folder}.", str(folder), "`async-kernel list` shows all specs."
        ) from None
    except OSError as error:
        raise SpecError(f"{path} cannot be read: {error.strerror}.", str(path)) from None
    return KernelSpec.from_json(content, str(path))


def is_own_file(name: str) -> bool:
    """Whether a file of this name in a spec of ours was written by async-kernel."""
    return name in {KERNEL_JSON, *_LOGOS} or _SOURCE.fullmatch(name) is not None


def logos() -> dict[str, bytes]:
    """The pictures that go beside kernel.json, by file name."""
    folder = Path(__file__).parent / "logos"
    return {name: (folder / name).read_bytes() for name in _LOGOS}


def write(folder: Path, spec: KernelSpec, files: Mapping[str, bytes] | None = None, force: bool = False) -> None:
    """Write `spec` into `folder`, with `files` (name to bytes) and the logos beside it.

    A spec of ours that is there is renewed; logos that are there stay. One of somebody else is refused without `force`;
    with it, their kernel.json is kept beside ours. Raises `SpecError`; then the old files are as they were.
    """
    content = {**(files or {}), KERNEL_JSON: spec.to_json().encode()}
    _refuse_escape(folder)
    foreign = _check_foreign(folder, force, "Use another name, or add --force to replace it.")
    with _explained(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _staging(folder.parent) as stage:
            new = stage / folder.name
            new.mkdir()
            for name, data in {**logos(), **content}.items():
                _write_file(new / name, data)
            _sync(new)
            if folder.exists() or not _moved(new, folder):
                _renew(folder, new, foreign)
        _sync(folder.parent)


def remove(folder: Path, force: bool = False) -> list[Path]:
    """Remove the spec in `folder`, and give the paths that are gone.

    kernel.json goes first: from then on there is no spec. Only files of ours are removed; the folder goes when it is
    empty then. A spec of somebody else is refused without `force`; with it, its kernel.json goes.
    Raises `SpecError` where there is no spec, or it cannot be removed.
    """
    foreign = check_removable(folder, force)
    if not (folder / KERNEL_JSON).exists():
        read(folder)  # raises the reason
    gone = [folder / KERNEL_JSON]
    with _explained(folder):
        gone[0].unlink()
        if not foreign:
            for path in sorted(folder.iterdir()):
                if is_own_file(path.name):
                    path.unlink()
                    gone.append(path)
        with suppress(OSError):  # somebody else's files are in it
            folder.rmdir()
            gone.append(folder)
        _sync(folder.parent)
    return gone


def check_removable(folder: Path, force: bool = False) -> bool:
    """Whether the spec in `folder` is somebody else's. Raises `SpecError` where `remove` would refuse it."""
    _refuse_escape(folder)
    return _check_foreign(folder, force, "Add --force to remove it nevertheless.")


def left_by_removal(folder: Path) -> tuple[str, ...]:
    """The names in the spec's folder that `remove` leaves, because they are not ours."""
    foreign = _is_foreign(folder)
    return tuple(
        path.name
        for path in sorted(folder.iterdir())
        if path.name != KERNEL_JSON and (foreign or not is_own_file(path.name))
    )


# How


def _is_foreign(folder: Path) -> bool:
    """Whether there is a spec in `folder` that is not ours. One that nobody can read is not ours either."""
    try:
        return not runs_async_kernel(read(folder).argv)
    except SpecError:
        return (folder / KERNEL_JSON).exists() or (folder / KERNEL_JSON).is_symlink()


def _check_foreign(folder: Path, force: bool, next_step: str) -> bool:
    """Whether the spec in `folder` is somebody else's; then it takes `force` to touch it."""
    foreign = _is_foreign(folder)
    if foreign and not force:
        raise SpecError(f"{folder} has a kernel spec that async-kernel did not write.", str(folder), next_step)
    return foreign


def _refuse_escape(folder: Path) -> None:
    """A spec's folder that is a link leads out of the kernels folder: nothing is written or removed through it."""
    for path in (folder, folder / KERNEL_JSON):
        if path.is_symlink():
            raise SpecError(
                f"{path} is a link to {path.readlink()}.",
                str(path),
                "Remove the link, or use the folder that it leads to.",
            )
    if folder.exists() and not folder.is_dir():
        raise SpecError(f"{folder} is not a folder.", str(folder), "Move it away, or use another name.")


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """An OSError as a `SpecError` with the next step."""
    try:
        yield
    except PermissionError as error:
        path = str(error.filename or folder)
        raise SpecError(
            f"{path} cannot be written: {error.strerror}.", path, "Use --user to write into your own folder."
        ) from None
    except OSError as error:
        next_step = "Use --user to write into your own folder." if error.errno == errno.EROFS else ""
        raise SpecError(f"{error.filename or folder}: {error.strerror}.", str(folder), next_step) from None


@contextmanager
def _staging(kernels: Path) -> Iterator[Path]:
    """A folder of this process to prepare a spec in. It holds no kernel.json itself, so nobody takes it for a spec.

    The leftovers of writers that no longer run are removed too.
    """
    for old in kernels.glob(f"{_STAGE}-*"):
        if not _alive(old.name.removeprefix(f"{_STAGE}-").partition("-")[0]):
            _clear(old)
    stage = kernels / f"{_STAGE}-{os.getpid()}-{os.urandom(4).hex()}"
    stage.mkdir()
    try:
        yield stage
    finally:
        _clear(stage)


def _alive(pid: str) -> bool:
    if os.name == "nt":
        return True  # os.kill would end it; the leftovers of a killed writer stay until the same number comes round
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        pass
    return True


def _clear(stage: Path) -> None:
    """Take away a staging folder: all in it is ours."""
    if stage.is_symlink():
        return
    with suppress(OSError):
        for folder in [one for one in stage.iterdir() if one.is_dir() and not one.is_symlink()]:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
        stage.rmdir()


def _write_file(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _moved(new: Path, folder: Path) -> bool:
    """Move the staged folder into place; False when another writer was first."""
    try:
        new.rename(folder)
    except OSError:
        if folder.exists():
            return False
        raise
    return True


def _renew(folder: Path, new: Path, foreign: bool) -> None:
    """Bring the staged files into the folder that is there, kernel.json last."""
    kept = folder / _KEPT
    if foreign and not kept.exists():
        old = new / _KEPT
        _write_file(old, (folder / KERNEL_JSON).read_bytes())
        old.rename(kept)
    needed = {path.name for path in new.iterdir()}
    for name in sorted(needed - {KERNEL_JSON}):
        if _SOURCE.fullmatch(name) or not (folder / name).exists():
            (new / name).replace(folder / name)
    _sync(folder)
    (new / KERNEL_JSON).replace(folder / KERNEL_JSON)
    _sync(folder)
    for path in folder.iterdir():  # sources that no kernel.json names any more
        if _SOURCE.fullmatch(path.name) and path.name not in needed:
            path.unlink()


def _sync(folder: Path) -> None:
    """Force the names in a folder to disk, where the system can (Windows cannot open a folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
