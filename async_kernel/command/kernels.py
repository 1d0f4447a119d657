"""The commands that change kernel specs: add, remove, prune."""

from __future__ import annotations

import sys

from async_kernel.errors import UsageError
from async_kernel.kernelspec import api, store
from async_kernel.kernelspec.listing import Found, find_all
from async_kernel.settings import Add, Prune, Remove

from .output import ask, styled

__all__ = ["run"]


def run(command: Add | Remove | Prune) -> int:
    """Do it, report it, and return the exit status."""
    match command:
        case Add():
            return _add(command)
        case Remove():
            return _remove(command)
    return _prune(command)


def _add(command: Add) -> int:
    written = api.add(command)
    if command.dry_run:
        print(f"Would {'replace' if written.replaced else 'write'} {written.folder / store.KERNEL_JSON}:")
        print(written.spec.to_json(), end="")
    else:
        done = "Replaced" if written.replaced else "Wrote"
        print(styled(f"{done} the kernel spec {written.folder.name}", "green") + f" in {written.folder}")
    for note in written.notes:
        print(note, file=sys.stderr)
    return 0


def _remove(command: Remove) -> int:
    for one in api.remove(command):
        print(f"{'Would remove' if command.dry_run else 'Removed'} the kernel spec {one.name} from {one.folder}")
        if one.left:
            print(f"Files that async-kernel did not write are kept: {', '.join(one.left)}", file=sys.stderr)
    return 0


def _prune(command: Prune) -> int:
    dead = [one for one in find_all() if one.dead]
    ours = [one for one in dead if one.ours or command.force]
    for one in dead:
        if one not in ours:
            print(
                f"{one.folder}: {one.problem}. It belongs to another kernel; --force removes it nevertheless.",
                file=sys.stderr,
            )
    if not ours:
        print("No kernel spec of async-kernel has to be removed: their interpreters exist.")
        return 0
    for one in ours:
        print(f"{one.folder}: {one.problem}")
    if command.dry_run:
        return 0
    if not command.yes:
        if not sys.stdin.isatty():
            raise UsageError(
                "There is no terminal to ask for confirmation.", "Use --yes to remove them, or --dry-run to list them."
            )
        if not ask(f"Remove {_count(ours)}?"):
            print("Nothing was removed.")
            return 1
    for one in ours:
        store.remove(one.folder, command.force)
        print(f"Removed {one.folder}")
    return 0


def _count(found: list[Found]) -> str:
    return "this kernel spec" if len(found) == 1 else f"these {len(found)} kernel specs"
