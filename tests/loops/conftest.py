"""What the tests of loops share."""

import functools
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).parents[2]

DEBIAN_GI = Path("/usr/lib/python3/dist-packages/gi")
"""PyGObject as Debian has it, for Debian's CPython: PyPI has no wheels of it."""


@pytest.fixture
def interrupt_when() -> Iterator[Callable[[threading.Event], None]]:
    """`interrupt_when(event)` waits for `event` in a thread, then has the main thread raise KeyboardInterrupt.

    SIGINT is sent again every 10 ms until its handler has run. Once is not enough: a signal that arrives after the
    interpreter's last check and before the blocking system call begins (a sending thread gets the lock in just that
    gap) neither runs its handler nor ends the call.
    """
    main = threading.get_ident()
    handled = threading.Event()
    threads: list[threading.Thread] = []

    def handler(signum: int, frame: object) -> None:
        if not handled.is_set():  # not for a second signal that was under way
            handled.set()
            raise KeyboardInterrupt

    def send(when: threading.Event) -> None:
        def wait_and_kill() -> None:
            if when.wait(30):
                handled.clear()
                while not handled.wait(0.01):
                    signal.pthread_kill(main, signal.SIGINT)

        threads.append(threading.Thread(target=wait_and_kill, daemon=True))
        threads[-1].start()

    before = signal.signal(signal.SIGINT, handler)
    handled.set()
    yield send
    for thread in threads:
        thread.join(30)
    signal.signal(signal.SIGINT, before)


TOOLKITS = {"tk": "import tkinter", "qt": "from PySide6 import QtWidgets"}
"""What has to be possible for tests of a host."""


@functools.cache
def lacking(toolkit: str) -> str:
    """Why there can be no tests with windows of a toolkit here, "" when there can."""
    if shutil.which("Xvfb") is None:
        return "there is no Xvfb"
    tried = subprocess.run([sys.executable, "-c", TOOLKITS[toolkit]], capture_output=True, text=True, timeout=60)
    return tried.stderr.strip().rpartition("\n")[2]


def skip_without(toolkit: str) -> None:
    """Skip a test where windows of a toolkit cannot be shown, unless in CI, which has to install what that needs."""
    if not os.environ.get("CI") and (reason := lacking(toolkit)):
        pytest.skip(f"{toolkit}: {reason}; .ci/run installs what is needed")


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a display of our own (Xvfb), for example ":1"; "" where there is none."""
    if shutil.which("Xvfb") is None:
        yield ""
        return
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        assert select.select([read], [], [], 30)[0], "Xvfb names no display within 30 s"
        yield f":{os.read(read, 64).decode().strip()}"
    finally:
        server.terminate()
        server.wait(30)
        os.close(read)


class Play(Protocol):
    """The type of the fixture `play`."""

    def __call__(
        self, scenario: str, host: str, backend: str, noise: str = "", timeout: float = 110, root: Path = ROOT
    ) -> str: ...


@pytest.fixture
def play(display: str, tmp_path: Path) -> Play:
    """`play(scenario, host, backend)` runs a function of `scenarios` in a host, in a process of its own.

    `host` is "tk", "qt" (on the display), "qt offscreen" or "module:Class"; `root` has the package and the tests. What
    it printed comes back; an error, a warning or anything else on stderr but `noise` fails the test.
    """

    def run(scenario: str, host: str, backend: str, noise: str = "", timeout: float = 110, root: Path = ROOT) -> str:
        name, _, platform = host.partition(" ")
        skip_without("qt" if name == "qt" else "tk")
        env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": platform or "xcb", "PYTHONPATH": str(tmp_path)}
        env.pop("WAYLAND_DISPLAY", None)
        warnings = ["-W", "error"]
        if "gtk" in name:
            (tmp_path / "gi").symlink_to(DEBIAN_GI)
            warnings += ["-W", "ignore:DynamicImporter:ImportWarning"]  # Debian 12's gi imports in the old way
        done = subprocess.run(
            [sys.executable, *warnings, "-m", "tests.loops.scenarios", scenario, name, backend],
            cwd=root,
            env=env,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert (done.stderr.replace(noise, "") if noise else done.stderr) == ""
        assert done.returncode == 0
        return done.stdout

    return run
