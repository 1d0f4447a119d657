"""Where kernel specs go and where Jupyter looks for them: one class per platform, each usable on every platform.

Nothing here reads the surroundings by itself: platform, variables, home and prefixes come in as one value, and paths
are text in the platform's own form.

The rules are those of `jupyter_core.paths` (JUPYTER_DATA_DIR, JUPYTER_PATH, JUPYTER_PLATFORM_DIRS,
JUPYTER_PREFER_ENV_PATH); a test holds them equal. They stand here once more because jupyter_core fixes them when it is
imported, for the platform that it runs on.
"""

from __future__ import annotations

import ntpath
import posixpath
import re
from types import ModuleType
from typing import NamedTuple

from async_kernel.errors import UsageError
from async_kernel.settings import Place

from .surroundings import Surroundings

__all__ = ["Destination", "Locations", "MacOS", "Unix", "Windows", "locations_for"]

_VARIABLE = re.compile(r"\$\{([^}]+)\}|\$(\w+)|%([^%/\\]+)%")
_OFF = {"no", "n", "false", "off", "0", "0.0"}


class Destination(NamedTuple):
    """A kernels folder, and its properties."""

    folder: str
    reason: str
    """Why this one, for example "--user" or "the prefix of this interpreter"."""
    searched: bool
    """Whether Jupyter, run from this interpreter, finds specs there."""
    own: bool
    """Whether it is the kernels folder of sys.prefix, the running interpreter's own."""


class Locations:
    """The paths of one platform. Subclasses give the few facts that differ."""

    path: ModuleType = posixpath
    app = "jupyter"

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings

    def resolve(self, place: Place) -> Destination:
        """The kernels folder that `place` means.

        `Place("prefix", "/opt/env")` is "/opt/env/share/jupyter/kernels". Raises `UsageError` for a variable that is
        not defined.
        """
        match place.kind:
            case "folder":
                folder, reason = self.expand(place.value), "--folder"
            case "prefix":
                folder, reason = self.kernels_in(self.expand(place.value)), "--prefix"
            case "user":
                folder, reason = self.path.join(self.data_dir(), "kernels"), "--user"
            case _:
                folder, reason = self._default()
        searched = {self._same(one) for one in self.search_path()}
        own = self._same(self.kernels_in(self.surroundings.prefix))
        return Destination(folder, reason, self._same(folder) in searched, self._same(folder) == own)

    def kernels_in(self, prefix: str) -> str:
        """The kernels folder of an environment: "PREFIX/share/jupyter/kernels"."""
        return str(self.path.join(prefix, "share", "jupyter", "kernels"))

    def search_path(self) -> list[str]:
        """The kernels folders that Jupyter searches, in its order; the first spec of a name wins.

        jupyter_core.paths.jupyter_path, then IPython's own folder as jupyter_client's KernelSpecManager adds it.
        """
        here = self.surroundings
        paths = [entry.rstrip(self.path.sep) for entry in here.environ.get("JUPYTER_PATH", "").split(self.path.pathsep)]
        user = [self.data_dir()]
        if here.user_base:
            user.append(self.path.join(here.user_base, "share", "jupyter"))
        own = [self.path.join(here.prefix, "share", "jupyter")]
        system = self.system_dirs()
        if own != system:
            own = [one for one in own if one not in system]
        paths = [entry for entry in paths if entry]
        paths += own + user if self._prefers_environment() else user + own
        paths += [one for one in system if one not in paths]
        folders = [self.path.join(entry, "kernels") for entry in paths]
        ipython = here.environ.get("IPYTHONDIR") or self.path.join(here.home, ".ipython")
        return list(dict.fromkeys([*folders, self.path.join(ipython, "kernels")]))

    def data_dir(self) -> str:
        """The user's Jupyter data folder, for example "/home/ada/.local/share/jupyter"."""
        given = self.surroundings.environ.get("JUPYTER_DATA_DIR")
        if given:
            return given
        return self._platform_dir("user") if self._uses_platform_dirs() else self._user_dir()

    def system_dirs(self) -> list[str]:
        """The machine's Jupyter data folders."""
        if self._uses_platform_dirs():
            return self._platform_dir("site").split(self.path.pathsep)
        return ["/usr/local/share/jupyter", "/usr/share/jupyter"]

    def expand(self, text: str) -> str:
        """`text` as an absolute path, with `~`, `$VAR`, `${VAR}` and `%VAR%` replaced, on every platform.

        Raises `UsageError` for a variable that is not defined, or the home of another user (`~ada`).
        """
        tail = text[1:]
        if text.startswith("~"):
            if tail[:1] not in {"", "/", self.path.sep}:
                raise UsageError(f"{text!r} names the home of another user.", "Write the full path.")
            text = self.surroundings.home + _VARIABLE.sub(self._variable, tail)
        else:
            text = _VARIABLE.sub(self._variable, text)
        return str(self.path.normpath(self.path.join(self.surroundings.cwd, text)))

    def how_to_search(self, folder: str) -> str:
        """The command to type so that Jupyter searches `folder` too."""
        parent, name = map(str, self.path.split(folder))
        if name != "kernels":
            return f"Jupyter looks only in folders named kernels: give one, such as {self.path.join(folder, 'kernels')}"
        return self._export("JUPYTER_PATH", parent)

    # Properties that differ between systems

    def _user_dir(self) -> str:
        xdg = self.surroundings.environ.get("XDG_DATA_HOME")
        return str(self.path.join(xdg or self.path.join(self.surroundings.home, ".local", "share"), "jupyter"))

    def _platform_dir(self, whose: str) -> str:
        from platformdirs.unix import Unix as Dirs

        dirs = Dirs(self.app, appauthor=False, multipath=True)
        return dirs.user_data_dir if whose == "user" else dirs.site_data_dir

    def _export(self, name: str, value: str) -> str:
        return f'export {name}="{value}${{{name}:+:${name}}}"'

    # Properties that do not

    def _default(self) -> tuple[str, str]:
        prefix = self._default_prefix()
        if prefix == self.surroundings.prefix:
            return self.kernels_in(prefix), "the prefix of this interpreter"
        return self.kernels_in(prefix), "where this interpreter's packages put their data"

    def _default_prefix(self) -> str:
        """sys.prefix, unless packages of this interpreter put their data elsewhere and Jupyter looks there.

        Debian's own Python is such a one: its prefix is /usr, which belongs to the system's packages, and the files
        that pip installs goes to /usr/local.
        """
        here = self.surroundings
        if here.data and self._same(here.data) != self._same(here.prefix):
            searched = {self._same(one) for one in self.search_path()}
            if self._same(self.kernels_in(here.data)) in searched:
                return here.data
        return here.prefix

    def _prefers_environment(self) -> bool:
        here = self.surroundings
        said = here.environ.get("JUPYTER_PREFER_ENV_PATH")
        if said is not None:
            return said.lower() not in _OFF
        conda = here.environ.get("CONDA_PREFIX")
        named = conda is not None and here.environ.get("CONDA_DEFAULT_ENV", "base") != "base"
        in_conda = named and here.prefix.startswith(conda or "")
        return (here.prefix != here.base_prefix or in_conda) and here.owns_prefix

    def _uses_platform_dirs(self) -> bool:
        return self.surroundings.environ.get("JUPYTER_PLATFORM_DIRS", "no").lower() not in _OFF

    def _variable(self, match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[3]
        value = self.surroundings.environ.get(name, self.surroundings.environ.get(name.upper()))
        if value is None:
            raise UsageError(f"The variable {match[0]} is not defined.", f"Define {name}, or write the full path.")
        return value

    def _same(self, folder: str) -> str:
        """The form in which paths are compared."""
        return str(self.path.normcase(self.path.normpath(self.path.join(self.surroundings.cwd, folder))))


class Unix(Locations):
    """Linux and the other free systems: XDG_DATA_HOME, by default ~/.local/share."""


class MacOS(Locations):
    """macOS: ~/Library/Jupyter."""

    app = "Jupyter"

    def _user_dir(self) -> str:
        return str(self.path.join(self.surroundings.home, "Library", "Jupyter"))

    def _platform_dir(self, whose: str) -> str:
        from platformdirs.macos import MacOS as Dirs

        app = "jupyter" if self.surroundings.prefix.startswith("/opt/homebrew") else self.app
        dirs = Dirs(app, appauthor=False, multipath=True)
        return dirs.user_data_dir if whose == "user" else dirs.site_data_dir


class Windows(Locations):
    r"""Windows: %APPDATA%\jupyter; a machine-wide folder only with JUPYTER_USE_PROGRAMDATA."""

    path = ntpath
    app = "Jupyter"

    def system_dirs(self) -> list[str]:
        here = self.surroundings
        if here.environ.get("JUPYTER_USE_PROGRAMDATA", "no").lower() not in _OFF:
            if self._uses_platform_dirs():
                return self._platform_dir("site").split(self.path.pathsep)
            if data := here.environ.get("PROGRAMDATA"):
                return [self.path.join(data, "jupyter")]
        return [self.path.join(here.prefix, "share", "jupyter")]

    def _user_dir(self) -> str:
        environ = self.surroundings.environ
        if appdata := environ.get("APPDATA"):
            return str(self.path.normpath(self.path.join(appdata, "jupyter")))
        config = environ.get("JUPYTER_CONFIG_DIR") or self.path.join(self.surroundings.home, ".jupyter")
        return str(self.path.join(config, "data"))

    def _platform_dir(self, whose: str) -> str:
        from platformdirs.windows import Windows as Dirs

        dirs = Dirs(self.app, appauthor=False, multipath=True)
        return dirs.user_data_dir if whose == "user" else dirs.site_data_dir

    def _export(self, name: str, value: str) -> str:
        return f'$env:{name} = "{value}" + $(if ($env:{name}) {{ ";$env:{name}" }})'


def locations_for(surroundings: Surroundings) -> Locations:
    """The locations of the platform that `surroundings` names."""
    match surroundings.platform:
        case "win32":
            return Windows(surroundings)
        case "darwin":
            return MacOS(surroundings)
    return Unix(surroundings)
