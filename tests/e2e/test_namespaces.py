"""A kernel in a PID namespace, as in a container: it does not see the process that Jupyter names as its parent."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .driver import DEADLINE, wait_until
from .test_shutdown import find_whole, is_gone, run_detached

ENTER = ["unshare", *([] if sys.platform == "win32" or not os.geteuid() else ["--map-root-user"]), "--pid", "--fork"]

WRAPPERS = {
    "as the first process": [],
    "behind a first process": ["sh", "-c", '"$@"; exit $?', "sh"],
}


@pytest.fixture(autouse=True)
def possible(peer: str) -> None:
    """Skip where there are none."""
    if peer:
        pytest.skip("the command line is ours")
    if shutil.which("unshare") is None or subprocess.run([*ENTER, "true"], capture_output=True).returncode:
        pytest.skip("this machine lets nobody make PID namespaces")


@pytest.mark.parametrize("proc", [["--mount-proc"], []], ids=["a /proc of its own", "the /proc outside"])
@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_it_runs_and_ends_when_asked(
    home: Path, specs: dict[str, str], backend: str, tmp_path: Path, wrapper: str, proc: list[str]
) -> None:
    runtime = home / "runtime"
    known = set(runtime.glob("*.json"))
    spec = json.loads((home / "jupyter" / "kernels" / specs[backend] / "kernel.json").read_text())
    argv = [word.replace("{connection_file}", ".") for word in spec["argv"]]
    command = [*ENTER, "--kill-child", *proc, *WRAPPERS[wrapper], *argv]
    # Nobody in there has this number; outside it is ours.
    environ = {**os.environ, "JPY_PARENT_PID": str(os.getpid())}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            file = wait_until(lambda: find_whole(runtime, known) or process.poll() is not None, "the connection file")
            assert process.poll() is None, process.communicate()[0].decode()
            run_detached(str(file), "print('in')")
            inside = psutil.Process(process.pid).children(recursive=True)
            inside[-1].send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0
            wait_until(lambda: all(map(is_gone, inside)), "the end of all that was inside")
        finally:
            process.kill()
