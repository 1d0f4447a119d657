"""Adding and removing kernel specs: places, names, content, and refusals.

The Python functions go through the same words as the command line, so both mean and refuse the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from async_kernel.errors import SpecError, UsageError
from async_kernel.settings import DEFAULT_INTERFACE, Add, Remove, Settings, parse, word
from async_kernel.settings.options import is_trait

from . import store
from .locations import Destination, locations_for
from .spec import KernelSpec, default_display_name, environment_label, executable_for, fit_for_shell, prefix_of
from .spec import make_argv as argv_of
from .start_interface import freeze, why_not_found
from .surroundings import Surroundings

__all__ = [
    "Removed",
    "Written",
    "add",
    "get_kernel_dir",
    "make_argv",
    "remove",
    "remove_kernel_spec",
    "write_kernel_spec",
]


class Written(NamedTuple):
    """A spec that was written, or would be. `notes` are sentences for the person who wrote it."""

    folder: Path
    spec: KernelSpec
    replaced: bool
    notes: tuple[str, ...]


class Removed(NamedTuple):
    """A spec that was removed, or would be; `left` are files in its folder that are not ours, and stay."""

    name: str
    folder: Path
    left: tuple[str, ...]


def write_kernel_spec(
    kernel_name: str = "async",
    *,
    display_name: str = "",
    start_interface: str | Callable[..., Any] = "",
    fullpath: bool | None = None,
    prefix: str = "",
    folder: str = "",
    user: bool = False,
    env: Mapping[str, str] | None = None,
    metadata: Mapping[str, Any] | None = None,
    provisioner: str = "",
    provisioner_options: Mapping[str, Any] | None = None,
    replace: bool = False,
    force: bool = False,
    **settings: Any,
) -> Path:
    """Write a kernel spec, as `async-kernel -a` does, and return its folder.

    `settings` has the names of the command line:
    `write_kernel_spec("async-trio", backend="trio", **{"shell.timeout": 5})`. `start_interface` is a dotted path, or a
    self-contained function whose source is stored beside the spec. `host_options["host_class"]` can be a class.
    `provisioner` is the name of a kernel provisioner:
    `write_kernel_spec("remote", provisioner="far", provisioner_options={"hosts": 2})`.

    Raises `UsageError` for settings that the command line would refuse, and `SpecError` if the spec cannot be written.
    In both cases nothing has been changed.
    """
    files: dict[str, bytes] = {}
    words = ["-a", kernel_name, *_place_words(prefix, folder, user), *_setting_words(settings)]
    if callable(start_interface):
        frozen = freeze(start_interface)
        files[frozen.file_name] = frozen.content
        start_interface = frozen.argument
    if start_interface:
        words.append(word("start_interface", start_interface))
    if display_name:
        words.append(word("display_name", display_name))
    if provisioner:
        words.append(word("provisioner", provisioner))
    if provisioner_options:
        words.append(word("provisioner_options", provisioner_options))
    command = parse(words)
    if not isinstance(command, Add):
        raise UsageError(f"{kernel_name!r} cannot be the name of a kernel spec.", "Use a name such as async-trio.")
    metadata = {**(metadata or {}), **command.metadata}
    command = command._replace(
        fullpath=fullpath, env=env or {}, metadata=metadata, replace=replace, force=force, dry_run=False
    )
    return add(command, files=files).folder


def remove_kernel_spec(
    kernel_name: str, *, prefix: str = "", folder: str = "", user: bool = False, force: bool = False
) -> Path:
    """Remove a kernel spec, as `async-kernel -r` does, and return the folder it was in.

    `remove_kernel_spec("async-trio", user=True)` undoes `write_kernel_spec("async-trio", user=True)`.

    Raises `SpecError` if there is no such spec, or if async-kernel did not write it and `force` is not set.
    """
    place = parse(["-a", "async", *_place_words(prefix, folder, user)])
    assert isinstance(place, Add)
    return remove(Remove((kernel_name,), place.place, force))[0].folder


def get_kernel_dir(prefix: str = "", *, folder: str = "", user: bool = False) -> Path:
    """Return the folder of kernels that `async-kernel -a` writes to. It need not exist.

    `get_kernel_dir("/env") == Path("/env/share/jupyter/kernels")`. `prefix`, `folder` and `user` are the options of the
    command line. Without them, the folder is that of this environment.

    Raises `UsageError` for more than one of them, and for an undefined variable in a path.
    """
    command = parse(["-a", "async", *_place_words(prefix, folder, user)])
    assert isinstance(command, Add)
    return Path(locations_for(Surroundings.here()).resolve(command.place).folder)


def make_argv(kernel_name: str = "async", *, fullpath: bool = False, **settings: Any) -> list[str]:
    """Return the argv of a kernel spec with these settings, as `async-kernel -a` writes it.

    `make_argv(backend="trio")[-1] == "--backend=trio"`. The first item is `python`, or with `fullpath` the path of this
    interpreter.

    Raises `UsageError` for settings that the command line would refuse.
    """
    command = parse(["-a", kernel_name, *_setting_words(settings)])
    assert isinstance(command, Add)
    return list(argv_of(command.settings, Surroundings.here().executable if fullpath else "python"))


def add(command: Add, surroundings: Surroundings | None = None, files: Mapping[str, bytes] | None = None) -> Written:
    """Do what `Add` says, or with `dry_run` only report it. `files` go beside kernel.json."""
    here = surroundings or Surroundings.here()
    name = store.check_name(command.settings.kernel_name)
    _check_traits(command.settings)
    destination = locations_for(here).resolve(command.place)
    folder = store.spec_folder(Path(destination.folder), name)
    settings = command.settings._replace(
        kernel_name=name,
        display_name=command.settings.display_name
        or default_display_name(command.settings.kernel_name, destination, here),
    )
    executable = executable_for(destination, here, command.fullpath)
    spec = KernelSpec.from_settings(settings, executable, command.env, command.metadata)
    there = (folder / store.KERNEL_JSON).exists()
    if there and not command.replace:
        _refuse_another(folder, here)
    if settings.attributes.get("gateway.way") == "ssh":
        spec = spec._replace(argv=fit_for_shell(spec.argv))
    if command.dry_run:
        spec.to_json()
    else:
        try:
            store.write(folder, spec, files, command.force)
        except SpecError as error:
            raise _advised(error, here) from None
    return Written(folder, spec, there, tuple(_notes(destination, spec, settings, here)))


def remove(command: Remove, surroundings: Surroundings | None = None) -> list[Removed]:
    """Do what `Remove` says, or with `dry_run` only say it. Nothing is removed when one of the names cannot be."""
    here = surroundings or Surroundings.here()
    locations = locations_for(here)
    kernels = Path(locations.resolve(command.place).folder)
    found: list[Removed] = []
    for name in dict.fromkeys(store.check_name(name) for name in command.names):
        folder = store.spec_folder(kernels, name)
        if not (folder / store.KERNEL_JSON).exists():
            raise _nowhere(name, folder, locations.search_path())
        store.check_removable(folder, command.force)
        found.append(Removed(name, folder, store.left_by_removal(folder)))
    if not command.dry_run:
        for one in found:
            store.remove(one.folder, command.force)
    return found


def owner_of(folder: Path, spec: KernelSpec, here: Surroundings) -> str:
    """The prefix of the environment that a spec belongs to, empty where it belongs to whoever starts it.

    It is that of the interpreter in argv; for a bare "python", the environment whose kernels folder holds the spec.
    This interpreter knows its prefix, which its path need not tell: it may be a link from elsewhere, as Homebrew's and
    those of version managers are. (The files are not compared: an environment's python is a link to another's.)
    """
    if spec.argv[0] == here.executable:
        return here.prefix
    prefix = prefix_of(spec.argv[0])
    if prefix:
        return prefix
    if folder.parent.parts[-3:] == ("share", "jupyter", "kernels"):
        above = folder.parents[3]
        interpreters = ("bin/python", "bin/python3", "python.exe", "Scripts/python.exe")
        if any((above / one).exists() for one in interpreters):
            return str(above)
    return ""


def _check_traits(settings: Settings) -> None:
    """Refuse a setting of IPython's own that IPython does not have. Only IPython knows; it is imported only then."""
    if any(is_trait(name) for name in settings.attributes):
        import_module("async_kernel.ipython.configuration").check(settings.attributes)


def _refuse_another(folder: Path, here: Surroundings) -> None:
    try:
        owner = owner_of(folder, store.read(folder), here)
    except SpecError:
        return  # unreadable: not ours, which the store refuses
    if owner and Path(owner).resolve() != Path(here.prefix).resolve():
        raise SpecError(
            f"{folder} belongs to another environment: {owner}.",
            str(folder),
            "Use another name, or add --replace to replace it.",
        )


def _advised(error: SpecError, here: Surroundings) -> SpecError:
    """The error with the advice that fits the interpreter."""
    if error.next_step.startswith("Use --user") and here.externally_managed:
        return SpecError(
            error.message,
            error.path,
            "This Python belongs to the operating system. Use --user to write into your own folder, or make an\n"
            "environment (python3 -m venv .venv), install async-kernel into it as it was installed here,\n"
            "and run the command there.",
        )
    return error


def _notes(destination: Destination, spec: KernelSpec, settings: Settings, here: Surroundings) -> list[str]:
    notes = []
    is_default = settings.start_interface == DEFAULT_INTERFACE
    reason = "" if is_default else why_not_found(settings.start_interface)
    if reason:
        notes.append(
            f"Warning: the interface {settings.start_interface} cannot be found from here: {reason}. "
            "The kernel starts only where it can be imported."
        )
    if not destination.searched:
        how = locations_for(here).how_to_search(destination.folder)
        notes.append(f"Jupyter does not search {destination.folder}. To make it do so:\n{how}")
    if spec.argv[0] != "python" and here.prefix != here.base_prefix:
        notes.append(f"The kernel runs in the environment {environment_label(here)}: {spec.argv[0]}")
    return notes


def _nowhere(name: str, folder: Path, search_path: Sequence[str]) -> SpecError:
    for kernels in search_path:
        other = store.spec_folder(Path(kernels), name)
        if (other / store.KERNEL_JSON).exists():
            return SpecError(
                f"There is no kernel spec {name} in {folder.parent}.",
                str(folder),
                f'To remove the one in another folder: async-kernel -r {name} --folder="{other.parent}"',
            )
    return SpecError(f"There is no kernel spec {name}.", str(folder), "`async-kernel list` shows all specs.")


def _place_words(prefix: str, folder: str, user: bool) -> list[str]:
    words = [f"--prefix={prefix}"] if prefix else []
    words += [f"--folder={folder}"] if folder else []
    return [*words, "--user"] if user else words


def _setting_words(settings: Mapping[str, Any]) -> list[str]:
    words = []
    for name, value in settings.items():
        if isinstance(value, Mapping) and isinstance(value.get("host_class"), type):
            value = {**value, "host_class": _dotted(value["host_class"])}
        words.append(word(name, value))
    return words


def _dotted(host_class: type) -> str:
    """The dotted path under which a class can be imported again."""
    if host_class.__module__ == "__main__" or "<" in host_class.__qualname__:
        raise UsageError(f"{host_class.__qualname__} cannot be imported by another process.", "Define it in a module.")
    return f"{host_class.__module__}.{host_class.__qualname__}"
