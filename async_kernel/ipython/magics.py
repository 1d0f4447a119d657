"""The magics that only a kernel has, under the names that Jupyter users know."""

from __future__ import annotations

import json
import os
import shlex
import sys
import threading
from pathlib import Path
from typing import Any

from IPython.core import page
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class

from async_kernel.kernel.request import find_request
from async_kernel.stacks import runs_user_code

__all__ = ["KernelMagics"]


@magics_class
class KernelMagics(Magics):
    """Line magics: autosave, clear, connect_info, ed and edit, gui, less, man, more, qtconsole, subshell, uv."""

    def __init__(self, shell: Any, **kwargs: Any) -> None:
        super().__init__(shell, **kwargs)
        self._last_edit: list[str] = ["", ""]

    @line_magic
    def autosave(self, line: str) -> None:
        """%autosave SECONDS: set how often the classic notebook saves; 0 switches it off."""
        try:
            seconds = int(line)
        except ValueError:
            raise UsageError(f"%autosave needs a whole number of seconds, not {line!r}.") from None
        script = f"IPython.notebook.set_autosave_interval({seconds * 1000})"
        self.shell.display_pub.publish({"application/javascript": script})
        print(f"Autosaving every {seconds} seconds" if seconds else "Autosave disabled")

    @line_magic
    def clear(self, line: str) -> None:
        """%clear: clear the terminal of a console front end."""
        sys.stdout.write("\x1b[H\x1b[2J")

    @line_magic
    def gui(self, line: str) -> None:
        """%gui [TOOLKIT]: check that the main loop of a toolkit runs here; it is chosen when the kernel starts."""
        self.shell.enable_gui(line.strip() or None)  # IPython's own only logs the exception

    @line_magic
    @runs_user_code
    def less(self, line: str) -> None:
        """%less FILE: show a file in the pager, Python files in colour."""
        if not line:
            raise UsageError("Say which file to show.")
        path = Path(line.strip()).expanduser()
        text = path.read_text(encoding="utf-8", errors="replace")
        page.page(self.shell.pycolorize(text) if path.suffix == ".py" else text)

    more = line_magic("more")(less)

    @line_magic
    @runs_user_code
    def man(self, line: str) -> None:
        """%man PAGE: show a manual page in the pager."""
        page.page(self.shell.getoutput(f"man {line} | col -b", split=False))

    @line_magic
    @runs_user_code
    def connect_info(self, line: str) -> None:
        """%connect_info [--key]: print how to connect another client to this kernel.

        Whoever has the key can run code in the kernel, and notebooks are kept with their output and passed on. So the
        key is left out, unless --key asks for it, and with it the keys of an encrypted connection.
        """
        path = self.shell.connection_file
        if not path:
            raise UsageError("This kernel has no connection file.")
        if line.strip() not in ("", "--key"):
            raise UsageError(f"%connect_info takes nothing but --key, not {line!r}.")
        info = json.loads(Path(path).read_text(encoding="utf-8"))
        secrets = [name for name in ("key", "curve_publickey", "curve_secretkey") if info.get(name)]
        shown = line.strip() == "--key" or not secrets
        print(json.dumps(info if shown else {**info, **dict.fromkeys(secrets, "...")}, indent=2))
        print(f"\nOn this machine, connect with\n    jupyter console --existing {shlex.quote(path)}")
        if shown:
            print("From elsewhere, put the above JSON into a file and connect with")
            print("    jupyter console --existing FILE")
        else:
            print("The key is left out: output is kept and passed on. %connect_info --key shows it.")

    @line_magic
    @runs_user_code
    def qtconsole(self, line: str) -> None:
        """%qtconsole: open a Qt console that is connected to this kernel."""
        from importlib.util import find_spec
        from subprocess import DEVNULL, Popen

        if find_spec("qtconsole") is None:
            raise UsageError(
                f"qtconsole is not installed. Install it with: {sys.executable} -m pip install qtconsole pyqt6"
            )
        path = self.shell.connection_file
        if not path:
            raise UsageError("This kernel has no connection file.")
        command = [sys.executable, "-m", "qtconsole", "--existing", path, *line.split()]
        Popen(command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)

    @line_magic
    def uv(self, line: str) -> None:
        """%uv COMMAND: run uv on the environment of this kernel.

        `add` and `remove` change that environment, and the project in the working folder, also where the project has
        another environment of its own (`uv add --active`).
        """
        from importlib.util import find_spec
        from shutil import which
        from subprocess import list2cmdline

        command, _, rest = line.strip().partition(" ")
        if command in ("add", "remove") and os.environ.get("VIRTUAL_ENV") and "--active" not in rest.split():
            command += " --active"
        program = [sys.executable, "-m", "uv"] if find_spec("uv") is not None else [which("uv") or ""]
        if not program[0]:
            raise UsageError(f"uv is not installed. Install it with: {sys.executable} -m pip install uv")
        quoted = list2cmdline(program) if sys.platform == "win32" else shlex.join(program)
        self.shell.system(f"{quoted} {command} {rest}")

    @line_magic
    def subshell(self, line: str) -> None:
        """%subshell: print which subshell and thread run this cell (JEP 91)."""
        request = find_request()
        print(f"subshell id: {request.message.header.subshell_id if request is not None else None}")
        print(f"thread id: {threading.get_ident()}")
        print(f"main thread id: {threading.main_thread().ident}")
        print(f"pid: {os.getpid()}")
        print(f"thread count: {threading.active_count()}")

    @line_magic
    @runs_user_code
    def edit(self, line: str) -> None:
        """%edit [FILE | NAME | RANGE]: have the front end open a file, the source of a name, or lines of the history.

        Options are those of IPython's %edit (-p: the previous one again, -r: raw input, -n LINE: the line to begin
        at, -x: accepted). The front end edits on its own, so nothing is run afterwards.
        """
        from IPython.core.magics.code import CodeMagics, InteractivelyDefined, MacroToEdit

        options, arguments = self.parse_options(line, "prxn:")
        try:
            filename, line_number, _ = CodeMagics._find_edit_target(self.shell, arguments, options, self._last_edit)
        except MacroToEdit:
            raise UsageError("A macro can only be edited in terminal IPython.") from None
        except InteractivelyDefined as defined:
            arguments = str(defined.index)
            filename, line_number, _ = CodeMagics._find_edit_target(self.shell, arguments, options, self._last_edit)
        if filename is None:
            return
        payload = {"source": "edit_magic", "filename": str(Path(filename).absolute()), "line_number": line_number}
        self.shell.payload_manager.write_payload(payload)

    ed = line_magic("ed")(edit)
