"""Magics: all that ipykernel's users have, and child processes whose output is the cell's."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from .harness import Ran, Shell, new_request, run_on

# %lsmagic of ipykernel 7.4.0 with IPython 9.18, aliases of shell commands left out.
LINE = [
    "alias",
    "alias_magic",
    "autoawait",
    "autocall",
    "automagic",
    "autosave",
    "bookmark",
    "cd",
    "clear",
    "code_wrap",
    "colors",
    "conda",
    "config",
    "connect_info",
    "debug",
    "dhist",
    "dirs",
    "doctest_mode",
    "ed",
    "edit",
    "env",
    "gui",
    "hist",
    "history",
    "killbgscripts",
    "less",
    "load",
    "load_ext",
    "loadpy",
    "logoff",
    "logon",
    "logstart",
    "logstate",
    "logstop",
    "lsmagic",
    "macro",
    "magic",
    "mamba",
    "man",
    "matplotlib",
    "micromamba",
    "more",
    "notebook",
    "page",
    "pastebin",
    "pdb",
    "pdef",
    "pdoc",
    "pfile",
    "pinfo",
    "pinfo2",
    "pip",
    "popd",
    "pprint",
    "precision",
    "prun",
    "psearch",
    "psource",
    "pushd",
    "pwd",
    "pycat",
    "pylab",
    "qtconsole",
    "quickref",
    "recall",
    "rehashx",
    "reload_ext",
    "rep",
    "rerun",
    "reset",
    "reset_selective",
    "run",
    "save",
    "sc",
    "set_env",
    "store",
    "subshell",
    "sx",
    "system",
    "tb",
    "time",
    "timeit",
    "unalias",
    "unload_ext",
    "uv",
    "who",
    "who_ls",
    "whos",
    "xdel",
    "xmode",
]
CELL = [
    "!",
    "HTML",
    "SVG",
    "bash",
    "capture",
    "code_wrap",
    "debug",
    "file",
    "html",
    "javascript",
    "js",
    "latex",
    "markdown",
    "perl",
    "prun",
    "pypy",
    "python",
    "python2",
    "python3",
    "ruby",
    "script",
    "sh",
    "svg",
    "sx",
    "system",
    "time",
    "timeit",
    "writefile",
]


def test_the_magics_of_ipykernel_are_there(shell: Shell) -> None:
    ip = shell.interpreter.shell
    assert [name for name in LINE if ip.find_line_magic(name) is None] == []
    assert [name for name in CELL if ip.find_cell_magic(name) is None] == []


def test_edit_stays_ours_whatever_is_loaded_later(cells: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("1")
    cells(f"%load {file}")
    assert [payload["source"] for payload in cells(f"%ed {file}").reply["payload"]] == ["edit_magic"]


def test_pages(cells: Callable[..., Ran], tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_text("the text\n")
    for magic in ("less", "more"):
        (payload,) = cells(f"%{magic} {file}").reply["payload"]
        assert payload == {"source": "page", "data": {"text/plain": "the text\n"}, "start": 0}
    assert cells("%less /no/such/file").reply["ename"] == "FileNotFoundError"


def test_small_magics(cells: Callable[..., Ran], shell: Shell, tmp_path: Path) -> None:
    ran = cells("%autosave 30")
    assert ran.text() == "Autosaving every 30 seconds\n"
    assert "30000" in ran.contents("display_data")[0]["data"]["application/javascript"]
    assert cells("%autosave soon").reply["ename"] == "UsageError"
    assert cells("%clear").text() == "\x1b[H\x1b[2J"
    assert "Doctest mode is: ON" in cells("%doctest_mode").text()
    assert "Doctest mode is: OFF" in cells("%doctest_mode").text()
    assert "subshell id: None" in cells("%subshell").text()
    assert cells("%connect_info").reply["ename"] == "UsageError"


def test_connect_info_shows_the_key_when_it_is_asked_for(
    cells: Callable[..., Ran], shell: Shell, tmp_path: Path
) -> None:
    """A notebook is kept with its output, and passed on."""
    file = tmp_path / "kernel.json"
    file.write_text('{"shell_port": 1, "key": "a secret"}')
    shell.interpreter.shell.connection_file = str(file)
    shown = cells("%connect_info").text()
    assert '"shell_port": 1' in shown
    assert f"--existing {file}" in shown
    assert "a secret" not in shown
    assert "%connect_info --key" in shown
    assert '"key": "a secret"' in cells("%connect_info --key").text()
    assert cells("%connect_info all").reply["ename"] == "UsageError"


def test_gui(cells: Callable[..., Ran], shell: Shell) -> None:
    for loop in ("", "inline", "asyncio"):
        assert cells(f"%gui {loop}").reply["status"] == "ok"
    ran = cells("%gui tk")
    assert ran.reply["ename"] == "UsageError"
    assert "--host=tk" in ran.reply["evalue"]
    shell.interpreter.shell.gui_host = "tk"
    try:
        assert cells("%gui tk").reply["status"] == "ok"
    finally:
        shell.interpreter.shell.gui_host = None


def test_time_and_timeit(cells: Callable[..., Ran]) -> None:
    assert "Wall time" in cells("%%time\nx = 1").text()
    assert "per loop" in cells("%timeit -n1 -r1 1").text()


def test_a_magic_that_would_have_to_await_says_so(cells: Callable[..., Ran]) -> None:
    ran = cells("import asyncio", "%%capture\nawait asyncio.sleep(0)")
    assert ran.reply["status"] == "ok"
    ran = cells("get_ipython().run_cell('await asyncio.sleep(0)').raise_error()")
    assert "code that awaits" in ran.reply["evalue"]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_output_of_commands_is_the_cells(cells: Callable[..., Ran]) -> None:
    ran = cells("word = 'hi'\n!echo $word {word * 2}; echo err >&2; exit 3\nprint(_exit_code)")
    assert ran.text().replace("\r\n", "\n") == "hi hihi\nerr\n3\n"
    assert cells("lines = !echo a; echo b\nlines").result == "['a', 'b']"
    ran = cells("%%bash\necho out; echo err >&2")
    assert (ran.text(), ran.text("stderr")) == ("out\n", "err\n")
    assert cells("%%bash\nexit 3").reply["ename"] == "CalledProcessError"
    assert "pip" in cells("%pip --version").text()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_output_of_commands_comes_while_they_run(shell: Shell, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    given = _, recorder = new_request()
    seen: list[str] = []

    def watch() -> None:
        deadline = time.monotonic() + 20
        while not seen and time.monotonic() < deadline:
            seen.extend(m.content["text"] for m in list(recorder.messages) if m.msg_type == "stream")
            time.sleep(0.005)
        gate.touch()

    watcher = threading.Thread(target=watch)
    watcher.start()

    async def main() -> Ran:
        return await shell.run(f"!echo first; while [ ! -e {gate} ]; do sleep 0.01; done; echo second", given=given)

    ran: Ran = run_on("asyncio", main)
    watcher.join()
    assert "first" in seen[0]
    assert "second" not in seen[0]
    assert "second" in ran.text()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("command", ["!echo $$; exec sleep 60", "%%bash\necho $$; exec sleep 60"])
def test_an_interrupt_ends_the_command_and_the_cell(shell: Shell, command: str) -> None:
    import os
    import signal

    given = request, recorder = new_request()

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while "\n" not in Ran({}, recorder).text() and time.monotonic() < deadline:
            time.sleep(0.005)
        request.interrupted = True
        os.kill(os.getpid(), signal.SIGINT)

    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupter = threading.Thread(target=interrupt)
    interrupter.start()

    async def main() -> Ran:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # asyncio.Runner has taken it
        return await shell.run(command + ("\nprint('went on')" if command[0] == "!" else ""), given=given)

    try:
        ran: Ran = run_on("asyncio", main)
    finally:
        interrupter.join()
        signal.signal(signal.SIGINT, previous)
    assert ran.reply["status"] == "error"
    assert "went on" not in ran.text()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(int(ran.text().split()[0])):  # IPython waits for a tenth of a second, then leaves it to end
        assert time.monotonic() < deadline
        time.sleep(0.005)
