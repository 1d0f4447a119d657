"""Which backend, loop and host will run, and why: settings and facts in, a plan out, nothing imported or tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

from async_kernel.errors import HostUnavailableError, MissingPackageError, UsageError
from async_kernel.loops.detect import Found
from async_kernel.settings.hosts import HOSTS, HostRow

__all__ = ["BACKENDS", "Choices", "Plan", "plan"]

BACKENDS = ("asyncio", "trio")

TRIO_OPTIONS = ("clock", "instruments", "restrict_keyboard_interrupt_to_checkpoints", "strict_exception_groups")
OPTIONS: Mapping[tuple[str, bool], tuple[str, ...]] = {
    ("asyncio", False): ("debug", "loop_factory", "use_uvloop"),
    ("asyncio", True): (
        "context",
        "debug",
        "host_uses_signal_set_wakeup_fd",
        "host_uses_sys_set_asyncgen_hooks",
        "loop_factory",
        "task_factory",
        "use_uvloop",
    ),
    ("trio", False): TRIO_OPTIONS,
    ("trio", True): ("host_uses_signal_set_wakeup_fd", *TRIO_OPTIONS),
}
"""The options that each backend takes, without a host (those of `anyio.run`) and with one."""


class Choices(Protocol):
    """The part of the settings that matters here; `async_kernel.settings.Settings` fits."""

    @property
    def backend(self) -> str: ...
    @property
    def backend_options(self) -> Mapping[str, Any] | None: ...
    @property
    def host(self) -> str | None: ...
    @property
    def host_options(self) -> Mapping[str, Any] | None: ...
    @property
    def sources(self) -> Mapping[str, str]:
        """Where a value comes from, for example `{"backend": "--backend"}`; an absent name has its default."""


class Plan(NamedTuple):
    """The backend, loop and host that will run.

    `loop` is "asyncio", "uvloop", "winloop", "custom" (the user's `loop_factory`) or "" for trio. `host` is "tk",
    "qt", the name of a custom host, or None. The options are those that backend and host are started with. `reasons`
    says why, for example `{"backend": "asyncio: default", "loop": "uvloop: installed", "host": "none"}`.
    """

    backend: str
    loop: str
    host: str | None
    backend_options: Mapping[str, Any]
    host_options: Mapping[str, Any]
    reasons: Mapping[str, str]


def plan(settings: Choices, found: Found) -> Plan:
    """Decide.

    Raises `UsageError` for a name or an option that does not exist, `MissingPackageError` for a backend, loop or
    toolkit that is not installed, `HostUnavailableError` for a toolkit that cannot show windows here; each with the
    next step to take.
    """
    backend = _backend(settings.backend, found)
    backend_options = _mapping("backend_options", settings.backend_options)
    host_options = _mapping("host_options", settings.host_options)
    if "use_uvloop" in host_options:  # meant for the backend, wherever it was written
        backend_options.setdefault("use_uvloop", host_options.pop("use_uvloop"))
    host = _host(settings.host, host_options, found)
    if backend == "trio":
        # A spec's default of the other backend may stand beside `--backend=trio`.
        backend_options.pop("use_uvloop", None)
    _known("backend option", backend_options, OPTIONS[backend, host is not None], f" for {_on(backend, host)}")
    loop, loop_reason = _loop(backend, host, backend_options, found)
    return Plan(
        backend=backend,
        loop=loop,
        host=host,
        backend_options=backend_options,
        host_options=host_options,
        reasons={
            "backend": f"{backend}: {settings.sources.get('backend', 'default')}",
            "loop": loop_reason,
            "host": f"{host}: {_host_source(settings)}" if host else "none",
        },
    )


def _backend(name: str, found: Found) -> str:
    _known("backend", (name,), BACKENDS)
    if name == "trio" and "trio" not in found.modules:
        raise _missing("The backend trio is not installed.", "trio", found)
    return name


def _loop(backend: str, host: str | None, options: dict[str, Any], found: Found) -> tuple[str, str]:
    """The loop and its reason; takes `use_uvloop` out of the options."""
    if backend == "trio":
        return "", "trio has one loop"
    wanted = options.pop("use_uvloop", None)
    if options.get("loop_factory") is not None:
        return "custom", "loop_factory: backend_options"
    fast = "winloop" if found.platform == "win32" else "uvloop"
    if wanted is not None and not wanted:
        return "asyncio", f"asyncio: use_uvloop is {wanted}"
    if host is not None:
        return "asyncio", f"asyncio: {fast} cannot be a guest of {host}"
    if fast in found.modules:
        return fast, f"{fast}: installed"
    if wanted:
        raise _missing(f"use_uvloop is set, but {fast} is not installed.", fast, found)
    return "asyncio", f"asyncio: {fast} is not installed"


def _host(name: str | None, options: Mapping[str, Any], found: Found) -> str | None:
    custom = options.get("host_class")
    if not name and custom is None:
        if options:
            raise UsageError(
                f"Options of a host are given, but no host: {', '.join(options)}.",
                f"Add --host={' or --host='.join(HOSTS)}.",
            )
        return None
    if name is not None and name in HOSTS:
        row = HOSTS[name]
        _check_host(name, row, options, found)
        if custom is None:
            _known("host option", options, ("host_class", *(["module"] if row.bindings else [])), f" for {name}")
    elif custom is None:
        _known("host", (str(name),), tuple(HOSTS))
    if name or custom is None:
        return name
    return str(custom.replace(":", ".").rpartition(".")[2] if isinstance(custom, str) else custom.__name__)


def _check_host(name: str, row: HostRow, options: Mapping[str, Any], found: Found) -> None:
    """Whether the host can run here, as far as that can be known before it is tried."""
    for module in row.modules:
        if module not in found.modules:
            raise _no_module(name, row, module, found)
    if row.bindings:
        module = str(options.get("module", row.bindings[0]))
        _known(f"{name.capitalize()} module", (module,), row.bindings)
        if module not in found.modules:
            raise _no_module(name, row, module, found)
    if row.displays and _needs_display(found) and not set(row.displays) & found.display.keys():
        variable, beginnings = row.windowless
        if not (variable and found.display.get(variable, "").startswith(beginnings)):
            raise _no_display(name, row)


def _no_module(name: str, row: HostRow, module: str, found: Found) -> MissingPackageError:
    if row.install is None:
        return _missing(f"The host {name} needs {module}.", row.package(module, found.version), found)
    absent = f"{module}, its compiled part," if module.startswith("_") else module
    return MissingPackageError(
        f"The host {name} needs {row.modules[0]}, but {absent} is not part of this Python ({found.interpreter}).",
        row.modules[0],
        row.install.get(found.platform) or row.install[""],
    )


def _no_display(name: str, row: HostRow) -> HostUnavailableError:
    unset = f"neither {' nor '.join(row.displays)}" if len(row.displays) > 1 else row.displays[0]
    ways = [f"set {row.displays[0]} (for example {row.displays[0]}=:0)", "use xvfb-run"]
    if row.windowless[0]:
        ways.append(f"set {row.windowless[0]}={row.windowless[1][0]} to draw without a screen")
    return HostUnavailableError(
        f"The host {name} has no display to open windows on: {unset} is {'' if len(row.displays) > 1 else 'not '}set.",
        f"Start Jupyter inside a desktop session, {', '.join(ways[:-1])}, or {ways[-1]}.",
    )


def _needs_display(found: Found) -> bool:
    """macOS and Windows always have one, as far as can be known without trying."""
    return found.platform not in ("darwin", "win32", "cygwin")


def _host_source(settings: Choices) -> str:
    return settings.sources.get("host") or ("host_class" if not settings.host else "settings")


def _on(backend: str, host: str | None) -> str:
    return f"{backend} as a guest of {host}" if host else backend


def _mapping(name: str, value: Mapping[str, Any] | None) -> dict[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise UsageError(f"{name} must be a dict, not {value!r}.", f"Write it as --{name}=\"{{'name': value}}\".")
    return dict(value or {})


def _known(kind: str, names: Iterable[str], known: tuple[str, ...], where: str = "") -> None:
    for name in names:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(name, known, 1)
            choice = ", ".join(known)
            raise UsageError(
                f"There is no {kind} {name!r}{where}.", f"Did you mean {near[0]!r}?" if near else f"Known: {choice}."
            )


def _missing(message: str, package: str, found: Found) -> MissingPackageError:
    interpreter = f'"{found.interpreter}"' if " " in found.interpreter else found.interpreter
    return MissingPackageError(message, package, f'{interpreter} -m pip install "{package}"')
