"""Kernels really started by the lines of the reference, and the state that they then are in."""

from __future__ import annotations

import json
import os
import shlex
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from async_kernel.command import command_line
from async_kernel.protocol.connection import ConnectionInfo

DEADLINE = 60.0
BACKEND = "import sniffio; print(sniffio.current_async_library())"
LOOP = "import asyncio; print(type(asyncio.get_running_loop()).__module__.partition('.')[0])"


def ask(client: Any, code: str) -> str:
    """What a cell prints."""
    texts: list[str] = []
    reply = client.execute_interactive(
        code, timeout=DEADLINE, output_hook=lambda message: texts.append(message["content"].get("text", ""))
    )
    assert reply["content"]["status"] == "ok", reply["content"]
    return "".join(texts).strip()


@contextmanager
def started(
    line: str,
    folder: Path,
    through: Sequence[str] = (),
    settled: Callable[[str], bool] = lambda text: True,
    python: Path = Path(sys.executable),
) -> Iterator[Any]:
    """A client of the kernel that the line of the command line starts, once its connection file is `settled`."""
    runtime = folder / "runtime"
    runtime.mkdir(exist_ok=True)
    with (folder / "said").open("wb") as said:
        kernel = subprocess.Popen(
            [*through, python, "-m", "async_kernel", *shlex.split(line)],
            cwd=folder,
            env={**os.environ, "JUPYTER_RUNTIME_DIR": str(runtime)},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    client = BlockingKernelClient()
    try:
        client.load_connection_file(str(connection_file(runtime, kernel, settled)))
        client.start_channels()
        client.wait_for_ready(timeout=DEADLINE)
        yield client
        client.shutdown()
        assert kernel.wait(DEADLINE) == 0
    finally:
        client.stop_channels()
        kernel.kill()
        kernel.wait(DEADLINE)


def connection_file(runtime: Path, kernel: subprocess.Popen[bytes], settled: Callable[[str], bool]) -> Path:
    """The connection file, once its ports stand in it."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline and kernel.poll() is None:
        for path in runtime.glob("kernel-*.json"):
            text = path.read_text(encoding="utf-8")
            if '"shell_port"' in text and settled(text):
                return path
        time.sleep(0.02)
    raise AssertionError("the kernel wrote no connection file")


@pytest.fixture
def kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernels folder that Jupyter searches first."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    return tmp_path / "kernels"


@pytest.mark.parametrize(
    ("line", "backend"),
    [
        ("-f .", "asyncio"),
        ("-f . --kernel_name=async-trio-custom --display_name='My custom kernel' --quiet=False", "trio"),
        ("-f . --kernel_name=async-trio-custom --interface.backend=asyncio", "asyncio"),
    ],
)
def test_a_kernel_without_a_client(line: str, backend: str, kernels: Path, tmp_path: Path) -> None:
    with started(line, tmp_path) as client:
        assert ask(client, BACKEND) == backend


def test_a_connection_file_is_written_where_none_is(python: Path, kernels: Path, tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    path = tmp_path / "runtime" / "kernel-mine.json"
    with started(f"-f {shlex.quote(str(path))}", tmp_path, python=python) as client:
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert ask(client, "print(6 * 7)") == "42"
    assert not path.exists(), "the kernel takes its file away"
    assert f"Its connection file is {path}" in (tmp_path / "said").read_text()


def test_ports_that_the_launcher_left_free_are_written_into_its_file(tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    path = tmp_path / "runtime" / "kernel-mine.json"
    ports = dict.fromkeys(("shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"), 0)
    path.write_text(json.dumps({**ports, "key": "a key", "theirs": [1], "signature_scheme": "hmac-sha256"}))
    with started(
        f"-f {shlex.quote(str(path))}", tmp_path, settled=lambda text: '"shell_port": 0' not in text
    ) as client:
        assert ask(client, "print(6 * 7)") == "42"
        written = json.loads(path.read_text())
        assert all(written[port] for port in ports)
        assert (written["theirs"], written["key"]) == ([1], "a key")
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path], "it is the launcher's, who takes it away"


def test_a_client_sees_at_once_that_its_ports_were_taken(kernels: Path) -> None:
    """It has chosen them, and would not hear of others: so the process ends, and says which port it was."""
    assert command_line(["-a", "mine", f"--folder={kernels}"]) == 0
    with socket.socket() as taker, (kernels / "said").open("w+b") as said:
        taker.bind(("127.0.0.1", 0))
        taker.listen()
        manager = KernelManager(kernel_name="mine", iopub_port=taker.getsockname()[1])
        manager.cache_ports = False
        manager.start_kernel(stdout=said, stderr=said)
        client = manager.client()
        try:
            client.start_channels()
            with pytest.raises(RuntimeError, match="died"):
                client.wait_for_ready(timeout=DEADLINE)
            said.seek(0)
            assert f"iopub channel cannot be bound to tcp://127.0.0.1:{manager.iopub_port}" in said.read().decode()
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"key": ""}, "empty key"),
        ({"key": "a key", "ip": "0.0.0.0"}, "plain TCP"),
        ({"key": "a key"}, ""),
    ],
)
def test_what_strangers_could_do_is_said_once(fields: dict[str, str], said: str, tmp_path: Path) -> None:
    (tmp_path / "runtime").mkdir()
    path = tmp_path / "runtime" / "kernel-mine.json"
    path.write_text(json.dumps({**json.loads(ConnectionInfo().to_text()), **fields}))
    with started(
        f"-f {shlex.quote(str(path))}", tmp_path, settled=lambda text: '"shell_port": 0' not in text
    ) as client:
        assert ask(client, "print(6 * 7)") == "42"
    text = (tmp_path / "said").read_text()
    assert text.count(said) == 1 if said else text == ""


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--backend_options={'use_uvloop':"], 2, "dict literal"),
        (["--backend_options={'use_loop': True}"], 2, "use_uvloop"),
        (["--host_options={'module': 'PySide6'}"], 2, "no host"),
        (["--host=qt", "--host_options={'module': 'PyQt5'}"], 1, "PyQt5"),
        (["--start_interface=no.such.module"], 2, "no.such.module"),
        (["--IPCompleter.use_jedy=False"], 2, "--IPCompleter.use_jedi"),
        (["--shell.colors=no such colours"], 2, "colors=no such"),
    ],
    ids=[
        "torn literal",
        "no such option",
        "no host",
        "no such toolkit",
        "no such interface",
        "unknown to IPython",
        "refused by IPython",
    ],
)
@pytest.mark.parametrize("file", [".", "mine.json"])
def test_a_mistake_of_the_person_who_types_ends_the_start(
    file: str, words: list[str], status: int, said: str, python: Path, tmp_path: Path
) -> None:
    """Nobody else is told: no client knows of the kernel."""
    done = subprocess.run(
        [python, "-m", "async_kernel", "-f", file, *words],
        cwd=tmp_path,
        env={**os.environ, "JUPYTER_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert list(tmp_path.glob("*.json")) == []


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
def test_a_kernel_that_is_given_no_standard_streams(tmp_path: Path) -> None:
    """As some daemons start their children: sockets would have the numbers that cells take for stdout and stderr."""
    with started("-f .", tmp_path, ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"]) as client:
        where = "import os; print(*(os.readlink(f'/proc/self/fd/{n}').split(':')[0] for n in range(3)))"
        if sys.platform == "linux":
            assert ask(client, where) == "/dev/null pipe pipe"
        assert ask(client, "import os; os.system('echo child')") == "child"


def test_an_installed_spec_gives_the_defaults(kernels: Path, tmp_path: Path) -> None:
    assert (
        command_line(["-a", "async-trio-custom", "--backend=asyncio", f"--folder={kernels}", "--shell.timeout=9"]) == 0
    )
    with started("-f . --kernel_name=async-trio-custom --quiet=False", tmp_path) as client:
        assert ask(client, BACKEND) == "asyncio"
        assert ask(client, "print(get_ipython().timeout)") == "9.0"


@pytest.mark.parametrize(
    ("options", "cell", "printed"),
    [
        (["--interface.backend=trio"], BACKEND, "trio"),
        (["--interface.host_options={'use_uvloop':False}"], LOOP, "asyncio"),
        (["--backend_options={'use_uvloop':False}"], LOOP, "asyncio"),
        (["--shell.timeout=0.1"], "print(get_ipython().timeout)", "0.1"),
        (["--shell.xmode=Plain"], "print(get_ipython().xmode)", "Plain"),
        (["--IPCompleter.use_jedi=False"], "print(get_ipython().Completer.use_jedi)", "False"),
        (["--InteractiveShellApp.exec_lines=x = 6", "--InteractiveShellApp.exec_lines=y = 7"], "print(x * y)", "42"),
        (["--profile-dir", "FOLDER"], "print(get_ipython().profile_dir.location)", "FOLDER"),
        (["--HistoryManager.enabled=False"], "print(get_ipython().history_manager.enabled)", "False"),
        (["--env=ANSWER=42"], "import os; print(os.environ['ANSWER'])", "42"),
    ],
)
def test_a_kernel_started_by_jupyter_from_a_spec(
    options: list[str], cell: str, printed: str, python: Path, kernels: Path
) -> None:
    folder = str(kernels.parent)
    options = [option.replace("FOLDER", folder) for option in options]
    command = [str(python), "-m", "async_kernel", "-a", "mine", f"--folder={kernels}", *options]
    subprocess.run(command, cwd=folder, check=True, timeout=DEADLINE)
    assert ask_spec("mine", cell) == printed.replace("FOLDER", folder)


def test_a_function_as_start_interface_runs_wherever_the_folder_is(kernels: Path) -> None:
    from async_kernel.kernelspec import write_kernel_spec

    write_kernel_spec("mine", folder=str(kernels), start_interface=start_with_a_mark).rename(kernels / "moved")
    assert ask_spec("moved", "import os; print(os.environ['MARK'])") == "mine"


def start_with_a_mark(settings: Any) -> int:
    import os

    from async_kernel.interface import start_kernel_zmq_interface

    os.environ["MARK"] = settings.kernel_name
    return start_kernel_zmq_interface(settings)


def ask_spec(name: str, cell: str) -> str:
    manager = KernelManager(kernel_name=name)
    manager.start_kernel(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=DEADLINE)
        return ask(client, cell)
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
