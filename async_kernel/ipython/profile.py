"""The user's IPython profile: config files, extensions, startup files, loaded by IPython's own application classes.

The files that ipykernel users have in `profile_default` work here: `ipython_config.py`, `ipython_kernel_config.py`,
`startup/`, `exec_lines`, `exec_files`, `extensions`, `matplotlib`, PYTHONSTARTUP, and the sections `IPKernelApp`,
`InteractiveShellApp`, `InteractiveShell` and `ZMQInteractiveShell`. No profile, good, bad or missing, stops a kernel.
"""

from __future__ import annotations

import atexit
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NoReturn

from IPython.core.application import BaseIPythonApplication
from IPython.core.shellapp import InteractiveShellApp
from traitlets import TraitError, default
from traitlets.config import Application, Config

from async_kernel.errors import UsageError
from async_kernel.ipython.shell import ZMQInteractiveShell
from async_kernel.ipython.shell_registry import shell_here, shells
from async_kernel.ipython.shell_settings import config_sections, set_attributes

__all__ = ["start_shell"]

_log = logging.getLogger("async_kernel.ipython")


class IPKernelApp(BaseIPythonApplication, InteractiveShellApp):
    """Loads the profile and makes the shell.

    It has the class name that profiles go by, and `"IPKernelApp" in get_ipython().config`, the customary test for a
    kernel. Each kernel of a process has one: `instance()` gives that of the calling context. It takes no command line.
    """

    name = "ipython-kernel"  # gives the config file its name: ipython_kernel_config.py

    user_module: ModuleType | None = None
    user_ns: dict[str, Any] | None = None
    connection_file = ""

    @classmethod
    def initialized(cls) -> bool:
        """Whether a kernel runs."""
        return bool(shells)

    @classmethod
    def instance(cls, *args: Any, **kwargs: Any) -> Any:
        """That of the kernel whose cell the calling context runs."""
        if not shells:
            raise RuntimeError("No kernel runs in this process.")
        return shell_here().parent

    @classmethod
    def launch_instance(cls, argv: Any = None, **kwargs: Any) -> NoReturn:
        """RuntimeError: this process runs a kernel, and another needs one of its own."""
        raise RuntimeError(
            "This process is a kernel already. Start another one in a process of its own: python -m ipykernel_launcher."
        )

    @default("ipython_dir")
    def _ipython_dir_default(self) -> str:
        """The user's; where that cannot be made, one that goes with the process."""
        try:
            return str(super()._ipython_dir_default())
        except OSError as error:
            folder = tempfile.mkdtemp(prefix="ipython-")
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            _log.warning("IPython's folder cannot be created (%s), so a temporary one is used", error)
            self._ipython_dir_changed({"name": "ipython_dir", "old": folder, "new": folder})
            return folder

    @property
    def kernel(self) -> Any:
        """The object `get_ipython().kernel`."""
        return self.shell.kernel

    @default("log")
    def _log_default(self) -> logging.Logger:
        return _log

    def be_the_application(self) -> None:
        """Become `traitlets.config.Application.instance()`, as the one of ipykernel is: notebooks restart their
        kernel by `IPython.Application.instance().kernel.do_shutdown(True)`."""
        Application._instance = _InstanceOfBases(self)

    def parse_command_line(self, argv: Any = None) -> None:
        """There is none. (Traitlets would import argcomplete for its completion: a fifth of the time of a start.)"""

    def init_crash_handler(self) -> None:
        """None: an exception of user code is no crash of IPython."""

    def init_shell(self) -> None:
        """Make the shell, configured by the profile."""
        self.config.IPKernelApp.connection_file = self.connection_file
        self.shell = ZMQInteractiveShell.beside_others(
            parent=self,
            profile_dir=self.profile_dir,
            ipython_dir=self.ipython_dir,
            user_module=self.user_module,
            user_ns=self.user_ns,
        )
        self.shell.configurables.append(self)

    def exit(self, exit_status: int | str | None = 0) -> None:
        """Called by IPython for a profile that it cannot use: say so by an exception instead of ending the process."""
        raise ProfileError(f"the profile in {self.ipython_dir} cannot be used")


class _InstanceOfBases:
    """In the place of `Application._instance`: `app` for the classes that it is an instance of, None for all others,
    so that a cell can make another application (`NbConvertApp.instance()`)."""

    def __init__(self, app: IPKernelApp) -> None:
        self._app = app

    def __get__(self, nothing: object, owner: type) -> IPKernelApp | None:
        return self._app if isinstance(self._app, owner) else None


class ProfileError(Exception):
    """The profile cannot be used."""


def start_shell(attributes: Mapping[str, Any], namespace: dict[str, Any] | None = None) -> ZMQInteractiveShell:
    """Load the profile, make the shell, run the startup files. A profile that fails is logged and left out.

    Cells run in `namespace`, or in a `__main__` of their own.
    `attributes` are those of the command line (`{"shell.xmode": "Plain"}`); they outrank the profile, which
    "kernel.profile" names. Raises UsageError for one that the shell does not have or take.
    """
    sections, rest = config_sections(ZMQInteractiveShell, attributes)
    main = sys.modules["__main__"]
    file = str(attributes.get("shell.connection_file") or "")
    app = _configured_app(sections, attributes.get("kernel.profile"))
    app.connection_file = file
    if namespace is None:
        app.init_path()
    else:
        app.user_module, app.user_ns = _module_of(namespace), namespace
    try:
        app.init_shell()
    except Exception:
        _log.error("The IPython profile cannot be used, and is ignored", exc_info=True)
        sys.modules["__main__"] = main
        module, app = app.user_module, _bare_app(sections)
        app.user_module, app.user_ns, app.connection_file = module, namespace, file
        try:
            app.init_shell()
        except (TraitError, AssertionError, ValueError) as error:  # IPython asserts that a colour scheme is one
            sys.modules["__main__"] = main
            given = ", ".join(f"--{name}={value}" for name, value in attributes.items())
            raise UsageError(f"The shell does not take its settings ({given}): {error}") from error
    shell: ZMQInteractiveShell = app.shell
    if namespace is None:
        app.be_the_application()
    set_attributes(shell, rest)
    for step in (app.init_gui_pylab, app.init_extensions, app.init_code):
        try:
            step()
        except (Exception, SystemExit):
            _log.error("The IPython profile failed in %s", step.__name__, exc_info=True)
    return shell


def _module_of(namespace: dict[str, Any]) -> ModuleType:
    """The module whose globals `namespace` is, else a new one that has it as its globals and is nowhere imported."""
    module = sys.modules.get(str(namespace.get("__name__")))
    if module is not None and vars(module) is namespace:
        return module

    class Embedded(ModuleType):
        @property
        def __dict__(self) -> dict[str, Any]:  # type: ignore[override]  # a plain attribute elsewhere
            return namespace  # IPython takes the globals of cells from here

    return Embedded("async_kernel_embedded")


def _configured_app(sections: dict[str, dict[str, Any]], profile: str | None) -> IPKernelApp:
    """The application with the profile read. The settings of the command line are there before: they may name the
    profile."""
    app = _app(sections, **({} if profile is None else {"profile": profile}))
    try:
        app.initialize([])
    except (Exception, SystemExit):
        _log.error("The IPython profile cannot be loaded, and is ignored", exc_info=True)
        return _bare_app(sections)
    return app


def _app(sections: dict[str, dict[str, Any]], **names: str) -> IPKernelApp:
    try:
        return IPKernelApp(config=Config(sections), **names)
    except TraitError as error:
        raise UsageError(f"IPython does not take its settings: {error}") from error


def _bare_app(sections: dict[str, dict[str, Any]]) -> IPKernelApp:
    app = _app({name: section for name, section in sections.items() if name != "ProfileDir"})
    app.init_profile_dir()
    return app
