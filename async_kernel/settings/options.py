"""The one table of options. An option is one row; parser, spec argv, help text and documentation all come from it."""

from __future__ import annotations

from typing import Any, NamedTuple

from .commands import DEFAULT_INTERFACE, DEFAULT_NAME
from .hosts import HOSTS
from .values import Kind

__all__ = ["OPTIONS", "SUBCOMMANDS", "Option", "is_trait", "plain", "trait"]


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
    return Option(name, "trait", "IPython's own setting", metavar="VALUE")


def _of_gateway(name: str, text: str, metavar: str, spellings: tuple[str, ...] | None = None) -> Option:
    """A row of the contract of gateways: `--response-address` and `--RemoteProcessProxy.response-address` are one."""
    if spellings is not None:
        return Option(f"gateway.{name}", "string", text, metavar=metavar, spellings=spellings)
    unshown = (f"RemoteProcessProxy.{name}",)
    return Option(f"gateway.{name}", "string", text, metavar=metavar, spellings=(name,), unshown=unshown)


OPTIONS: tuple[Option, ...] = (
    # Commands. The names of these rows are also the names of the commands.
    Option("add", "text", "write the kernel spec NAME", short="a", metavar="NAME", commands=("add",)),
    Option("remove", "names", "remove kernel specs", short="r", metavar="NAME[,NAME...]", commands=("remove",)),
    Option(
        "connection_file",
        "text",
        "start a kernel on this connection file; . makes a new one",
        default="",
        short="f",
        metavar="FILE",
        commands=("start",),
    ),
    Option("version", "flag", "print the version", short="V", commands=("version",)),
    Option("help", "flag", "print the most important of this on one screen", short="h", commands=("help",)),
    Option("help_all", "flag", "print every option and setting", commands=("help_all",)),
    # How the kernel runs.
    Option("start_interface", "text", "what starts the kernel, as a dotted path", DEFAULT_INTERFACE, "PATH"),
    Option(
        "kernel_name",
        "text",
        "the spec whose settings are the defaults; a name with the word trio selects that backend",
        DEFAULT_NAME,
        "NAME",
    ),
    Option("backend", "choice", "the async library that cells use", "asyncio", choices=("asyncio", "trio")),
    Option("backend_options", "mapping", "options for starting the backend", metavar="DICT"),
    Option(
        "host", "choice", "the GUI toolkit whose main loop runs the kernel", choices=tuple(HOSTS), spellings=("loop",)
    ),
    Option("host_options", "mapping", "options of the host: module, host_class", metavar="DICT"),
    Option("display_name", "text", "the name that front ends show", "", "TEXT"),
    # Settings of the kernel.
    Option("kernel.quiet", "flag", "keep the kernel's own output off its terminal", default=True),
    Option("kernel.capture_fd", "flag", "show what C code and child processes write in the cell", default=True),
    Option("kernel.backlog", "integer", "MiB of output that are kept for a client that does not read", 96, "MIB"),
    Option("kernel.comms_in_thread", "flag", "call back for widgets in a thread while a cell blocks", default=True),
    Option("kernel.profile", "string", "the IPython profile that is loaded", "default", "NAME"),
    Option("kernel.profile_dir", "string", "the folder of the IPython profile that is loaded", metavar="FOLDER"),
    Option("kernel.replay", "integer", "MiB of messages that are kept while no client listens, for the next", 0, "MIB"),
    Option("shell.timeout", "number", "seconds after which a cell is interrupted", metavar="SECONDS"),
    Option(
        "history.hist_file",
        "string",
        "the file of the input history; :memory: for none",
        metavar="FILE",
        spellings=("HistoryManager.hist_file",),  # nbclient adds it to the argv of a kernel named python3
    ),
    # IPython's own settings of its shell (configurable traits of IPython.core.interactiveshell.InteractiveShell).
    Option(
        "shell.ast_node_interactivity",
        "choice",
        "which expressions of a cell are shown",
        "last_expr",
        choices=("all", "last", "last_expr", "none", "last_expr_or_assign"),
    ),
    Option("shell.autoawait", "flag", "await at the top level of a cell", default=True),
    Option("shell.autocall", "choice", "call without parentheses", 0, choices=(0, 1, 2)),
    Option("shell.automagic", "flag", "magics without the percent sign", default=True),
    Option("shell.banner1", "string", "the first part of the banner", "", "TEXT"),
    Option("shell.banner2", "string", "the second part of the banner", "", "TEXT"),
    Option("shell.cache_size", "integer", "how many results Out keeps", 1000),
    Option("shell.colors", "string", "the colour scheme of tracebacks", "neutral"),
    Option("shell.debug", "flag", "IPython's own debugging output", default=False),
    Option("shell.display_page", "flag", "display what would go to the pager", default=False),
    Option("shell.enable_html_pager", "flag", "let the pager show HTML", default=False),
    Option("shell.enable_tip", "flag", "a tip in the banner", default=True),
    Option("shell.history_length", "integer", "how much history is kept", 10000),
    Option("shell.history_load_length", "integer", "how much history is read at the start", 1000),
    Option("shell.logappend", "string", "append a log of the input to this file", "", "FILE"),
    Option("shell.logfile", "string", "write a log of the input to this file", "", "FILE"),
    Option("shell.logstart", "flag", "log the input from the start", default=False),
    Option("shell.object_info_string_level", "choice", "how much of an object is shown", 0, choices=(0, 1, 2)),
    Option("shell.pdb", "flag", "enter the debugger after an exception", default=False),
    Option("shell.show_rewritten_input", "flag", "show what autocall makes of the input", default=True),
    Option("shell.sphinxify_docstring", "flag", "render docstrings by docrepr", default=False),
    Option("shell.warn_venv", "flag", "warn of a virtual environment without IPython", default=True),
    Option("shell.wildcards_case_sensitive", "flag", "case matters in %psearch", default=True),
    Option(
        "shell.xmode",
        "choice",
        "how exceptions are shown",
        "Context",
        choices=("Context", "Plain", "Verbose", "Minimal", "Docs", "Doctest"),
    ),
    # A start by a gateway. The names after the first are those of the gateways' own launchers.
    Option(
        "gateway.way",
        "choice",
        "have a gateway start the kernel elsewhere, in this way",
        choices=("ssh", "k8s", "docker", "yarn", "spark", "container"),
        spellings=("gateway",),
    ),
    _of_gateway("launcher", "the gateway's script that starts a container", "FILE", spellings=()),
    _of_gateway("ip", "the address that a kernel of a gateway listens on", "ADDRESS", spellings=("ip",)),
    _of_gateway("response_address", "where a gateway is told the ports of its kernel", "IP:PORT"),
    _of_gateway("public_key", "the key in which it is told", "BASE64"),
    _of_gateway("port_range", "the ports that the kernel may take", "LOW..HIGH"),
    _of_gateway("kernel_id", "the name of the kernel at the gateway", "ID"),
    _of_gateway("transport_encryption", "whether messages are encrypted", "POLICY"),
    _of_gateway("spark_context_initialization_mode", "taken for compatibility", "MODE"),
    _of_gateway("kernel_class_name", "taken for compatibility", "NAME"),
    # How a spec is written.
    Option("fullpath", "flag", "name the interpreter by its full path (default: where it is needed)", commands=_ADD),
    Option("prefix", "text", "use PREFIX/share/jupyter/kernels (default: sys.prefix)", "", "PREFIX", commands=_PLACED),
    Option("folder", "text", "use this kernels folder", "", "FOLDER", spellings=("path",), commands=_PLACED),
    Option("user", "flag", "use the user's own kernels folder", default=False, commands=_PLACED),
    Option("sys_prefix", "flag", "use the prefix of this interpreter", default=False, commands=_PLACED),
    Option(
        "env", "pair", "an environment variable of the kernel; may be given again", metavar="NAME=VALUE", commands=_ADD
    ),
    Option("metadata", "mapping", "more metadata for the spec", metavar="DICT", commands=_ADD),
    Option("warm", "count", "start kernels from processes that are ready, and keep N of them", 0, "N", commands=_ADD),
    Option("provisioner", "text", "the provisioner by which a server starts the kernel", "", "NAME", commands=_ADD),
    Option("provisioner_options", "mapping", "the provisioner's own options", metavar="DICT", commands=_ADD),
    Option("gateway_options", "mapping", "options of the gateway's own, image_name", metavar="DICT", commands=_ADD),
    Option("replace", "flag", "replace a spec that belongs to another environment", default=False, commands=_ADD),
    Option("force", "flag", "act on a spec that is not ours", default=False, commands=(*_PLACED, "prune")),
    Option("dry_run", "flag", "say what would be done, and do nothing", default=False, commands=(*_PLACED, "prune")),
    Option("json", "flag", "print JSON", default=False, commands=("list", "doctor")),
    Option("changes", "flag", "list what a kernel changes in its process", default=False, commands=("doctor",)),
    Option("yes", "flag", "do not ask", default=False, short="y", commands=("prune",)),
)

SUBCOMMANDS: dict[str, str] = {
    "list": "every spec that Jupyter sees, its owner and its state",
    "doctor": "try a kernel; name each problem and its remedy",
    "prune": "remove the specs whose interpreter is gone",
    "install": "write a spec, with other kernels' install options",
    "uninstall": "remove specs",
    "completion": "print the script for bash, zsh, fish or powershell",
}
"""The words that can stand first on the command line."""
