"""The one table of options. An option is one row; parser, spec argv, help text and documentation all come from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from .commands import DEFAULT_INTERFACE, DEFAULT_NAME, Settings
from .hosts import HOSTS
from .values import Kind

__all__ = ["OPTIONS", "SUBCOMMANDS", "Option", "attribute", "is_trait", "plain", "trait"]


class Option(NamedTuple):
    """One row. `name` is how a spec spells it; `spellings` are the further ones that are understood."""

    name: str
    kind: Kind
    help: str
    default: Any = None
    metavar: str = ""
    choices: tuple[Any, ...] = ()
    short: str = ""
    spellings: tuple[str, ...] = ()
    commands: tuple[str, ...] = ("start", "add")
    """The commands it goes with."""
    unshown: tuple[str, ...] = ()
    """Further spellings, for the sake of other programs, which no help text shows."""

    @property
    def optional(self) -> bool:
        """Whether `None` is a value of it."""
        return self.default is None and self.kind in {"number", "integer", "choice", "string"}

    @property
    def spelled(self) -> tuple[str, ...]:
        """Every name under which the option is understood, dashes written as underscores."""
        names = [self.name, *self.spellings, *self.unshown]
        if self.name.startswith("kernel."):
            names.append(self.name.removeprefix("kernel."))
        elif "." in self.name:
            names.append(f"kernel.{self.name}")
        elif self.name in _OF_THE_INTERFACE:
            names += [f"{outer}interface.{name}" for outer in ("", "kernel.") for name in names]
        return tuple(dict.fromkeys(plain(name) for name in names))


_OF_THE_INTERFACE = {
    "backend",
    "backend_options",
    "host",
    "host_options",
    "display_name",
    "kernel_name",
    "connection_file",
}

_ADD = ("add",)
_PLACED = ("add", "remove")


def plain(name: str) -> str:
    """The form in which names are compared: dashes and underscores are one."""
    return name.replace("-", "_")


def is_trait(name: str) -> bool:
    """Whether an option is named like a setting of IPython's own, `IPCompleter.use_jedi`: a class and a trait of it."""
    return name[:1].isupper() and all(part.isidentifier() for part in name.split(".", 1)) and "." in name


def trait(name: str) -> Option:
    """The row of a setting of IPython's own. Which there are, IPython knows; it is asked where a spec is written or a
    shell is made (`ipython.configuration`)."""
    return Option(name, "trait", "a setting of IPython", metavar="VALUE")


def _of_gateway(name: str, text: str, metavar: str, spellings: tuple[str, ...] | None = None) -> Option:
    """A row of the contract of gateways: `--response-address` and `--RemoteProcessProxy.response-address` are one."""
    if spellings is not None:
        return Option(f"gateway.{name}", "string", text, metavar=metavar, spellings=spellings)
    unshown = (f"RemoteProcessProxy.{name}",)
    return Option(f"gateway.{name}", "string", text, metavar=metavar, spellings=(name,), unshown=unshown)


OPTIONS: tuple[Option, ...] = (
    # Commands. The names of these rows are also the names of the commands.
    Option("add", "text", "write the kernel spec NAME", short="a", metavar="NAME", commands=("add",)),
    Option(
        "remove",
        "names",
        "remove the kernel specs of these names",
        short="r",
        metavar="NAME[,NAME...]",
        commands=("remove",),
    ),
    Option(
        "connection_file",
        "text",
        "start a kernel with this connection file (. for a new one)",
        default="",
        short="f",
        metavar="FILE",
        commands=("start",),
    ),
    Option("version", "flag", "print the version", short="V", commands=("version",)),
    Option("help", "flag", "print a summary that fits on one screen", short="h", commands=("help",)),
    Option("help_all", "flag", "print every option and setting", commands=("help_all",)),
    # How the kernel runs.
    Option(
        "start_interface", "text", "the function that starts the kernel, as a dotted path", DEFAULT_INTERFACE, "PATH"
    ),
    Option(
        "kernel_name",
        "text",
        "the name of the kernel; the installed spec of this name gives the defaults",
        DEFAULT_NAME,
        "NAME",
    ),
    Option("backend", "choice", "the async library that cells use", "asyncio", choices=("asyncio", "trio")),
    Option("backend_options", "mapping", "options of the backend, such as use_uvloop", metavar="DICT"),
    Option(
        "host", "choice", "the GUI toolkit whose main loop runs the kernel", choices=tuple(HOSTS), spellings=("loop",)
    ),
    Option("host_options", "mapping", "options of the host: module or host_class", metavar="DICT"),
    Option("display_name", "text", "the name that front ends show", "", "TEXT"),
    # Settings of the kernel.
    Option("kernel.quiet", "flag", "do not copy the output of cells to the terminal of the kernel", default=True),
    Option("kernel.capture_fd", "flag", "show the output of C code and child processes in the cell", default=True),
    Option("kernel.backlog", "integer", "MiB of output kept for a client that does not read", 96, "MIB"),
    Option(
        "kernel.comms_in_thread",
        "flag",
        "run the callbacks of widgets in a thread while a cell blocks the loop",
        default=True,
    ),
    Option("kernel.profile", "string", "the name of the IPython profile", "default", "NAME"),
    Option("kernel.profile_dir", "string", "the folder of the IPython profile", metavar="FOLDER"),
    Option("kernel.replay", "integer", "MiB of messages kept for the next client while none is connected", 0, "MIB"),
    Option("shell.timeout", "number", "time limit of a cell in seconds; then it is interrupted", metavar="SECONDS"),
    Option(
        "history.hist_file",
        "string",
        "the file of the input history; :memory: writes none",
        metavar="FILE",
        spellings=("HistoryManager.hist_file",),  # nbclient adds it to the argv of a kernel named python3
    ),
    # IPython's own settings of its shell (configurable traits of IPython.core.interactiveshell.InteractiveShell).
    Option(
        "shell.ast_node_interactivity",
        "choice",
        "the expressions of a cell whose values are shown",
        "last_expr",
        choices=("all", "last", "last_expr", "none", "last_expr_or_assign"),
    ),
    Option("shell.autoawait", "flag", "allow await at the top level of a cell", default=True),
    Option(
        "shell.autocall",
        "choice",
        "calls without parentheses: 0 never, 1 with arguments, 2 always",
        0,
        choices=(0, 1, 2),
    ),
    Option("shell.automagic", "flag", "allow magics without the percent sign", default=True),
    Option("shell.banner1", "string", "the first part of the banner", "", "TEXT"),
    Option("shell.banner2", "string", "the second part of the banner", "", "TEXT"),
    Option("shell.cache_size", "integer", "number of results kept in Out", 1000),
    Option("shell.colors", "string", "the colour scheme of tracebacks", "neutral"),
    Option("shell.debug", "flag", "print debugging output of IPython", default=False),
    Option("shell.display_page", "flag", "show pages of text as output of the cell, not in the pager", default=False),
    Option("shell.enable_html_pager", "flag", "allow HTML in the pager", default=False),
    Option("shell.enable_tip", "flag", "show a tip in the banner", default=True),
    Option("shell.history_length", "integer", "number of inputs kept in the history", 10000),
    Option("shell.history_load_length", "integer", "number of inputs read from the history at the start", 1000),
    Option("shell.logappend", "string", "append a log of the input to this file", "", "FILE"),
    Option("shell.logfile", "string", "write a log of the input to this file", "", "FILE"),
    Option("shell.logstart", "flag", "start the log of the input at once", default=False),
    Option("shell.object_info_string_level", "choice", "level of detail of NAME?, from 0 to 2", 0, choices=(0, 1, 2)),
    Option("shell.pdb", "flag", "enter the debugger after an exception", default=False),
    Option("shell.show_rewritten_input", "flag", "show the input as autocall has rewritten it", default=True),
    Option("shell.sphinxify_docstring", "flag", "render docstrings as HTML with docrepr", default=False),
    Option("shell.warn_venv", "flag", "warn about a virtual environment without IPython", default=True),
    Option("shell.wildcards_case_sensitive", "flag", "distinguish upper and lower case in %psearch", default=True),
    Option(
        "shell.xmode",
        "choice",
        "the form of tracebacks",
        "Context",
        choices=("Context", "Plain", "Verbose", "Minimal", "Docs", "Doctest"),
    ),
    # A start by a gateway. The names after the first are those of the gateways' own launchers.
    Option(
        "gateway.way",
        "choice",
        "the way in which a gateway starts the kernel",
        choices=("ssh", "k8s", "docker", "yarn", "spark", "container"),
        spellings=("gateway",),
    ),
    _of_gateway("launcher", "the gateway's script that starts a container", "FILE", spellings=()),
    _of_gateway("ip", "the address on which the kernel of a gateway listens", "ADDRESS", spellings=("ip",)),
    _of_gateway("response_address", "the address to which a kernel reports its ports to the gateway", "IP:PORT"),
    _of_gateway("public_key", "the public key of the gateway, which encrypts this report", "BASE64"),
    _of_gateway("port_range", "the range of ports that the kernel may use", "LOW..HIGH"),
    _of_gateway("kernel_id", "the id that the gateway has given to the kernel", "ID"),
    _of_gateway("transport_encryption", "the encryption of messages: disabled, auto or required", "POLICY"),
    _of_gateway("spark_context_initialization_mode", "accepted for compatibility; the only mode is none", "MODE"),
    _of_gateway("kernel_class_name", "accepted for compatibility; has no effect", "NAME"),
    # How a spec is written.
    Option(
        "fullpath", "flag", "write the full path of the interpreter into the spec (default: if needed)", commands=_ADD
    ),
    Option("prefix", "text", "use PREFIX/share/jupyter/kernels (default: sys.prefix)", "", "PREFIX", commands=_PLACED),
    Option("folder", "text", "use this folder of kernels", "", "FOLDER", spellings=("path",), commands=_PLACED),
    Option(
        "user",
        "flag",
        "use your own folder of kernels, which all your environments search",
        default=False,
        commands=_PLACED,
    ),
    Option("sys_prefix", "flag", "use the folder of kernels of this environment", default=False, commands=_PLACED),
    Option(
        "env", "pair", "an environment variable for the kernel; can be repeated", metavar="NAME=VALUE", commands=_ADD
    ),
    Option("metadata", "mapping", "further metadata of the spec", metavar="DICT", commands=_ADD),
    Option("warm", "count", "keep N processes ready, so that kernels start at once", 0, "N", commands=_ADD),
    Option(
        "provisioner", "text", "the kernel provisioner by which a server starts the kernel", "", "NAME", commands=_ADD
    ),
    Option("provisioner_options", "mapping", "options of the provisioner", metavar="DICT", commands=_ADD),
    Option("gateway_options", "mapping", "options of the gateway, such as image_name", metavar="DICT", commands=_ADD),
    Option("replace", "flag", "replace a spec that belongs to another environment", default=False, commands=_ADD),
    Option(
        "force",
        "flag",
        "also change or remove a spec that async-kernel did not write",
        default=False,
        commands=(*_PLACED, "prune"),
    ),
    Option("dry_run", "flag", "only show what would be done", default=False, commands=(*_PLACED, "prune")),
    Option("json", "flag", "print JSON", default=False, commands=("list", "doctor")),
    Option("changes", "flag", "list what a kernel changes in its process", default=False, commands=("doctor",)),
    Option("yes", "flag", "do not ask for confirmation", default=False, short="y", commands=("prune",)),
)


def attribute(settings: Settings, name: str) -> Any:
    """The value of a setting in `attributes`, by its dotted name; where it was not given, the default of its row.

    `attribute(Settings(), "kernel.backlog") == 96`.
    """
    given = settings.attributes.get(name)
    return next(option.default for option in OPTIONS if option.name == name) if given is None else given


SUBCOMMANDS: dict[str, str] = {
    "list": "list the kernel specs that Jupyter finds, with their state",
    "doctor": "start a kernel, run a cell, and report every problem",
    "prune": "remove the kernel specs whose interpreter is gone",
    "install": "like -a, with the install options of other kernels",
    "uninstall": "like -r",
    "completion": "print the completion of bash, zsh, fish or powershell",
}
"""The words that can stand first on the command line."""
