"""Shell commands in a terminal of their own: what they write, how they end, and how an interrupt ends them."""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .harness import Ran

if sys.platform == "win32":
    pytest.skip("Windows has no pseudo-terminals: IPython's own way is used there", allow_module_level=True)

import resource

from async_kernel.ipython.commands import Command

DEADLINE = 20.0


@pytest.fixture(autouse=True)
def plain_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/sh")


def run(text: str) -> int:
    command = Command(text)
    command.run()
    return command.status


def test_what_it_writes_is_printed_and_its_status_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("echo out; echo err >&2; exit 3") == 3
    assert capsys.readouterr().out == "out\r\nerr\r\n"
    assert run("true") == 0
    assert capsys.readouterr().out == ""


def test_a_signal_that_ends_it_is_its_status() -> None:
    assert run("kill -TERM $$") == -signal.SIGTERM
    assert run("sh -c 'kill -TERM $$'; exit $?") == -signal.SIGTERM


def test_it_has_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test -t 0 && test -t 1 && test -t 2 && tty < /dev/tty") == 0
    assert capsys.readouterr().out == "/dev/tty\r\n"


def test_a_character_may_come_in_pieces(capsys: pytest.CaptureFixture[str]) -> None:
    run(r"printf '\303'; sleep 0.1; printf '\244\303'")
    assert capsys.readouterr().out == "ä\ufffd"


def test_nothing_of_much_output_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("seq 1 100000") == 0
    assert capsys.readouterr().out == "".join(f"{n}\r\n" for n in range(1, 100_001))


def test_one_that_gives_up_its_terminal_runs_on_to_its_end(tmp_path: Path) -> None:
    assert run(f"exec < /dev/null > /dev/null 2>&1; sleep 0.3; touch {tmp_path}/done; exit 4") == 4
    assert (tmp_path / "done").exists()


def test_one_that_leaves_somebody_behind_ends_with_its_shell(tmp_path: Path) -> None:
    behind = f"(trap '' HUP; touch {tmp_path}/there; exec sleep 60) & echo $! > {tmp_path}/pid"
    assert run(f"{behind}; while [ ! -e {tmp_path}/there ]; do sleep 0.01; done") == 0
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_process_with_many_files_open_runs_commands(capsys: pytest.CaptureFixture[str]) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    many = 1024  # more than select() can be asked about
    assert limits[1] == resource.RLIM_INFINITY or limits[1] > 2 * many
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(limits[0], 2 * many), limits[1]))
    opened = [os.open(os.devnull, os.O_RDONLY)]
    try:
        while opened[-1] < many:
            opened.append(os.dup(opened[0]))
        assert run("echo here") == 0
    finally:
        for descriptor in opened:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert capsys.readouterr().out == "here\r\n"


def test_a_shell_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/nowhere/shell")
    with pytest.raises(OSError, match="/nowhere/shell"):
        run("true")


@pytest.fixture
def interrupt_when(tmp_path: Path) -> Iterator[Callable[[], None]]:
    """What has the main thread interrupted once the file "ready" is there and the command is waited for: while pexpect
    makes it, a kernel raises nothing."""
    ready = tmp_path / "ready"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def is_waited_for() -> bool:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        while frame is not None and frame.f_code.co_name != "read_nonblocking":
            frame = frame.f_back
        return frame is not None

    def watch() -> None:
        end = time.monotonic() + DEADLINE
        while not (ready.exists() and is_waited_for()) and time.monotonic() < end:
            time.sleep(0.005)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    thread = threading.Thread(target=watch)
    yield thread.start
    thread.join(DEADLINE)
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("text", "status", "last_words", "ignored"),
    [
        ("touch ready; exec sleep 60", -signal.SIGINT, "", 0),
        ("trap 'echo bye; exit 5' INT; touch ready; while :; do sleep 0.01; done", 5, "bye", 0),
        ("trap '' INT; touch ready; exec sleep 60", -signal.SIGHUP, "", 1),
        ("trap '' INT HUP; touch ready; exec sleep 60", -signal.SIGTERM, "", 2),
        ("trap '' INT HUP TERM; touch ready; while :; do sleep 0.01; done", -signal.SIGKILL, "", 3),
    ],
    ids=["sleeps", "cleans up", "ignores Ctrl-C", "ignores a hangup", "ignores all"],
)
def test_an_interrupt_ends_it(
    text: str,
    status: int,
    last_words: str,
    ignored: int,
    tmp_path: Path,
    interrupt_when: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    is_over, steps = Command._is_over, itertools.count()

    def wait_as_long_as_it_takes(self: Command, seconds: float) -> bool:
        return is_over(self, seconds if next(steps) < ignored else DEADLINE)

    monkeypatch.setattr(Command, "_is_over", wait_as_long_as_it_takes)
    command = Command(text)
    interrupt_when()
    with pytest.raises(KeyboardInterrupt):
        command.run()
    assert command.status == status
    assert capsys.readouterr().out.replace("^C", "").replace("\r\n", "") == last_words


# In cells


def test_cells_run_them(cells: Callable[..., Ran]) -> None:
    ran = cells("word = 'hi'\n!echo {word} $$; (exit 3)\n_exit_code")
    assert (ran.text().split()[0], ran.result) == ("hi", "3")
    assert cells("word = '{x}'\n!echo $word").text() == "{x}\r\n", "it was expanded once"
    assert cells("def f():\n    inner = 'local'\n    lines = !echo $inner\n    return lines\nf()").result == "['local']"
    assert cells("!sleep 60 &").reply["ename"] == "OSError"
    raised = cells("get_ipython().system_raise_on_error = True\n!exit 3")
    assert raised.reply["ename"] == "CalledProcessError"
    assert cells("get_ipython().system_raise_on_error = False\n!exit 3").reply["status"] == "ok"
