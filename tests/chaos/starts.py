"""Circumstances under which a kernel is started. A row says how each is made, and whether the kernel has to serve."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["CIRCUMSTANCES", "Circumstance"]


class Circumstance(NamedTuple):
    """What is odd about a start: a command around it, variables, files.

    The kernel has to serve; with `says` it has to refuse, and its log has that text. `either` lets it do one or the
    other: how little is too little is not promised.
    """

    name: str
    wrap: Sequence[str] = ()
    env: Mapping[str, str] = MappingProxyType({})
    prepare: Callable[[Path], object] = lambda folder: None
    says: str = ""
    either: bool = False


def shell(script: str) -> list[str]:
    """Start the kernel by the shell: `"$@"` is its command."""
    return ["sh", "-c", script, "sh"]


def python(script: str) -> list[str]:
    """Start the kernel by another Python, which becomes it when it has run `script`."""
    return [sys.executable, "-c", f"import os, signal, sys\n{script}\nos.execvp(sys.argv[1], sys.argv[1:])"]


NO_PORTS: tuple[Any, ...] = ("text", -1, 70_000, True, 1.5, [1], {}, 1 << 70)


def connection(**fields: Any) -> Callable[[Path], object]:
    """Change fields of the connection file; None takes one away."""

    def prepare(folder: Path) -> None:
        file = folder / "kernel.json"
        content = {**json.loads(file.read_text()), **fields}
        file.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return prepare


def whole_file(content: bytes) -> Callable[[Path], object]:
    """Put something else in place of the connection file's content."""
    return lambda folder: (folder / "kernel.json").write_bytes(content)


def history(make: Callable[[Path], object]) -> Callable[[Path], object]:
    """Make something at the place of the history: `make(path)`."""

    def prepare(folder: Path) -> None:
        profile = folder / "ipython" / "profile_default"
        profile.mkdir(parents=True)
        make(profile / "history.sqlite")

    return prepare


def _other_tables(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE sessions (one, two)")
    file.close()


def _cut_off(path: Path) -> None:
    _other_tables(path)
    os.truncate(path, 5000)


def _no_folder(folder: Path) -> None:
    (folder / "kernel.json").unlink()
    (folder / "kernel.json").mkdir()


def _twice(folder: Path) -> None:
    content = json.loads((folder / "kernel.json").read_text())
    connection(control_port=content["shell_port"])(folder)


HOMES = (
    Circumstance("no HOME", ["env", "-u", "HOME", "-u", "IPYTHONDIR"]),
    Circumstance("a HOME that cannot be written", ["env", "-u", "IPYTHONDIR", "HOME=/proc"]),
    Circumstance("a HOME that is not there", ["env", "-u", "IPYTHONDIR", "HOME=/proc/none"]),
    Circumstance("a HOME that is a file", ["env", "-u", "IPYTHONDIR", "HOME=/etc/hostname"]),
    Circumstance("an empty HOME", ["env", "-u", "IPYTHONDIR", "HOME="]),
    Circumstance("IPython's folder cannot be made", env={"IPYTHONDIR": "/proc/none"}),
    Circumstance("IPython's folder is a file", env={"IPYTHONDIR": "/etc/hostname"}),
    Circumstance(
        "a read-only file system",
        ["unshare", "--mount", *shell('mount -t tmpfs -o ro none ipython && exec "$@"')],
        prepare=lambda folder: (folder / "ipython").mkdir(),
    ),
    Circumstance(
        "a full disk",
        [
            "unshare",
            "--mount",
            *shell(
                'mount -t tmpfs -o size=64k none ipython && { cat /dev/zero >ipython/full 2>/dev/null; exec "$@"; }'
            ),
        ],
        prepare=lambda folder: (folder / "ipython").mkdir(),
    ),
    Circumstance("a history that is no database", prepare=history(lambda path: path.write_bytes(b"junk" * 5000))),
    Circumstance("an empty history", prepare=history(lambda path: path.touch())),
    Circumstance("a history that is cut off", prepare=history(_cut_off)),
    Circumstance("a history with other tables", prepare=history(_other_tables)),
    Circumstance("a history that is a folder", prepare=history(lambda path: path.mkdir())),
    Circumstance("a history that is a link to nowhere", prepare=history(lambda path: path.symlink_to("/none/none"))),
    Circumstance("no folder for temporary files", env={"TMPDIR": "/none", "TEMP": "/none", "TMP": "/none"}),
    Circumstance("a runtime folder that cannot be made", env={"JUPYTER_RUNTIME_DIR": "/proc/none"}),
)

FOLDERS = (
    Circumstance(
        "a working folder that was removed", shell('mkdir gone; cd gone; rmdir ../gone; exec "$@"'), says="was deleted"
    ),
    Circumstance("a working folder with an odd name", shell("mkdir \"$(printf '\\377\\n ')\"; cd ./*' '; exec \"$@\"")),
    Circumstance("a umask that forbids everything", shell('umask 777; exec "$@"')),
    Circumstance("a umask that allows everything", shell('umask 0; exec "$@"')),
)

LIMITS = (
    Circumstance("20 descriptors", ["prlimit", "--nofile=20"], either=True),
    Circumstance("40 descriptors", ["prlimit", "--nofile=40"], either=True),
    Circumstance("64 descriptors", ["prlimit", "--nofile=64"]),
    Circumstance("100 MB of addresses", ["prlimit", "--as=100000000"], either=True),
    Circumstance("300 MB of addresses", ["prlimit", "--as=300000000"], either=True),
    Circumstance("no file may grow", ["prlimit", "--fsize=0"]),
    Circumstance("a small stack", ["prlimit", "--stack=262144"]),
    Circumstance("a stack without limit", ["prlimit", "--stack=unlimited"]),
    Circumstance("nothing may be locked into memory", ["prlimit", "--memlock=0"]),
    Circumstance("no signal can be queued", ["prlimit", "--sigpending=0"]),
    Circumstance("the lowest priority", ["nice", "-n", "19"]),
    Circumstance("one processor", ["taskset", "1"]),
)

PROCESSES = (
    Circumstance("without standard streams", shell('exec "$@" <&- >&- 2>&-')),
    Circumstance("a log that is full", shell('exec "$@" >/dev/full 2>&1')),
    Circumstance(
        "a log that nobody reads any more", python("r, w = os.pipe(); os.close(r); os.dup2(w, 1); os.dup2(w, 2)")
    ),
    Circumstance("SIGINT ignored", shell('trap "" INT; exec "$@"')),
    Circumstance("SIGHUP and SIGPIPE ignored", shell('trap "" HUP PIPE; exec "$@"')),
    Circumstance("SIGCHLD ignored", python("signal.signal(signal.SIGCHLD, signal.SIG_IGN)")),
    Circumstance("all signals blocked", python("signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())")),
    Circumstance("children of somebody else", python("os.posix_spawn('/bin/sleep', ['sleep', '0.5'], os.environ)")),
    Circumstance(
        "a clock that began years ago", ["unshare", "--time", "--fork", "--kill-child", "--monotonic", "99999999"]
    ),
    Circumstance("a PID namespace", ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]),
)

VARIABLES: dict[str, dict[str, str]] = {
    "a locale that is not there": {"LANG": "xx_YY.none", "LC_ALL": "xx_YY.none"},
    "the locale C in ASCII": {
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PYTHONIOENCODING": "ascii",
    },
    "a terminal that is none": {"TERM": "none", "COLUMNS": "text", "LINES": "-1"},
    "an odd time zone": {"TZ": "/none:::"},
    "optimised": {"PYTHONOPTIMIZE": "2"},
    "no bytecode": {"PYTHONDONTWRITEBYTECODE": "1"},
    "warnings are errors": {"PYTHONWARNINGS": "error"},
    "a warning filter that is none": {"PYTHONWARNINGS": "none::none"},
    "development mode": {"PYTHONDEVMODE": "1"},
    "a debugging allocator": {"PYTHONMALLOC": "debug"},
    "allocations are traced": {"PYTHONTRACEMALLOC": "3"},
    "asyncio's debug mode": {"PYTHONASYNCIODEBUG": "1"},
    "a safe path": {"PYTHONSAFEPATH": "1"},
    "an odd import path": {"PYTHONPATH": "/none:/etc/hostname:\udcff:"},
    "no PATH": {"PATH": ""},
    "a parent that is no number": {"JPY_PARENT_PID": "none"},
    "a parent that cannot be": {"JPY_PARENT_PID": "-1"},
    "a parent that is too great": {"JPY_PARENT_PID": str(1 << 70)},
    "a variable that is not text": {"JPY_SESSION_NAME": "\udcff\n"},
    "a plot library's backend that is none": {"MPLBACKEND": "none"},
    "a breakpoint hook that is none": {"PYTHONBREAKPOINT": "none.none"},
}

FILES = (
    Circumstance("an empty connection file", prepare=whole_file(b""), says="kernel.json"),
    Circumstance("half of it", prepare=whole_file(b'{"shell_port": 1'), says="kernel.json"),
    Circumstance("a list", prepare=whole_file(b"[]"), says="kernel.json"),
    Circumstance("null", prepare=whole_file(b"null"), says="kernel.json"),
    Circumstance("bytes", prepare=whole_file(bytes(range(256))), says="kernel.json"),
    Circumstance("zeros", prepare=whole_file(bytes(5000)), says="kernel.json"),
    Circumstance("UTF-16", prepare=whole_file("{}".encode("utf-16")), says="kernel.json"),
    Circumstance("deep JSON", prepare=whole_file(b"[" * 100_000), says="kernel.json"),
    Circumstance("a long one", prepare=whole_file(b'{"a": "' + b"x" * 10_000_000 + b'"'), says="kernel.json"),
    Circumstance("a folder", prepare=_no_folder, says="kernel.json"),
    *(
        Circumstance(f"a port that is {value!r}", prepare=connection(shell_port=value), says="shell_port")
        for value in NO_PORTS
    ),
    Circumstance("a number as key", prepare=connection(key=5), says="key"),
    Circumstance("a key that is not ASCII", prepare=connection(key="é \N{DUCK}")),
    Circumstance("a key that is no text", prepare=connection(key="\udcff"), says="key"),
    Circumstance("an unknown transport", prepare=connection(transport="none"), says="transport"),
    Circumstance("a number as transport", prepare=connection(transport=5), says="transport"),
    Circumstance("an unknown scheme", prepare=connection(signature_scheme="hmac-none"), says="signature scheme"),
    Circumstance("a scheme that is none", prepare=connection(signature_scheme=[]), says="signature_scheme"),
    Circumstance("an address of somebody else", prepare=connection(ip="192.0.2.1"), says="192.0.2.1"),
    Circumstance("an address that is none", prepare=connection(ip="a b"), says="a b"),
    Circumstance("a number as address", prepare=connection(ip=5), says="ip"),
    Circumstance("twice the same port", prepare=_twice, says="cannot be bound"),
    Circumstance("fields that nobody knows", prepare=connection(none=[1], jupyter_session=5)),
)


CIRCUMSTANCES = {
    one.name: one
    for one in (
        *HOMES,
        *FOLDERS,
        *LIMITS,
        *PROCESSES,
        *(Circumstance(name, env=variables) for name, variables in VARIABLES.items()),
        *FILES,
    )
}
"""Each by its name."""
