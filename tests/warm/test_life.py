"""Ready processes from their start to their end: restarts, fresh random values, and nothing that stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import tomllib
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager

from async_kernel.settings.parser import WARM
from async_kernel.warm import pool as pools
from async_kernel.warm.pool import Model, Standby, start_standby
from tests.e2e.driver import process_of, wait_until

from .conftest import PROVISIONER, StartWarm, wait_filled

PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
RANDOM = (
    "[__import__('uuid').uuid4().hex, __import__('random').random(), hash('text'), id(object()) and "
    "__import__('secrets').token_hex(8), next(__import__('tempfile')._get_candidate_names())]"
)


def test_the_name_on_the_command_line_is_that_of_the_entry_point() -> None:
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    assert project["entry-points"]["jupyter_client.kernel_provisioners"] == {WARM: PROVISIONER}


def test_a_restart_is_warm_and_each_process_serves_once(start: StartWarm, backend: str) -> None:
    driver = start(backend)
    seen = [driver.process.pid]
    for _ in range(2):
        wait_filled(driver.pool)
        expected = driver.pool.ready[0].process.pid
        driver.restart()
        assert driver.process.pid == expected
        assert expected not in seen
        assert driver.is_warm
        assert driver.execute("1 + 1").result == "2"
        seen.append(expected)
    driver.restart()  # whether one is ready again or not
    assert driver.execute("1 + 1").result == "2"


def test_a_client_finds_the_channels_open(start: StartWarm) -> None:
    """It comes when `start_kernel` has returned; ZMQ would let it wait for a tenth of a second if it were refused."""
    maker = start()
    wait_filled(maker.pool)
    expected = maker.pool.ready[0].process.pid
    manager = KernelManager()
    manager._kernel_spec = maker.manager.kernel_spec
    manager.start_kernel(cwd=str(maker.folder))
    try:
        assert process_of(manager).pid == expected
        ports = {name: port for name, port in manager.get_connection_info().items() if name.endswith("_port")}
        assert len(ports) == 5
        for name, port in ports.items():
            with socket.socket() as channel:
                assert channel.connect_ex(("127.0.0.1", port)) == 0, name
    finally:
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()
        manager.context.term()


def test_an_interrupt_and_a_shutdown_reach_it(start: StartWarm, backend: str) -> None:
    maker = start(backend)
    wait_filled(maker.pool)
    driver = start(backend)
    assert driver.is_warm
    asked = driver.start_until_printed("print('runs')\nimport time\ntime.sleep(60)", "runs")
    driver.manager.interrupt_kernel()
    assert driver.finish(asked).reply["ename"] == "KeyboardInterrupt"
    process_of(driver.manager).send_signal(signal.SIGTERM)
    assert driver.wait_exit() == 0


def test_where_a_port_was_taken_it_is_started_again_by_the_same_means(start: StartWarm) -> None:
    maker = start()
    wait_filled(maker.pool)
    with socket.create_server(("127.0.0.1", 0)) as taker:
        driver = start(prepare=lambda manager: _take_port(manager, taker.getsockname()[1]))
    assert driver.execute("6 * 7").result == "42"
    assert type(driver.manager.provisioner).__name__ == "WarmProvisioner"


def _take_port(manager: KernelManager, port: int) -> None:
    manager.iopub_port, manager.cache_ports = port, False


def test_it_has_one_guardian_which_ends_what_it_leaves(start: StartWarm, tmp_path: Path) -> None:
    mark = f"of_{tmp_path.name}_{os.getpid()}"
    maker = start(env={"MARK": mark})
    wait_filled(maker.pool)
    warm = start(standbys=0, env={"MARK": mark})
    assert warm.is_warm
    assert len(marked(mark)) == 4, "two kernels, with a guardian each"
    warm.expects_stderr = True
    child = warm.value("__import__('subprocess').Popen(['sleep', '60']).pid")
    assert child in {process.pid for process in marked(mark)}
    warm.process.kill()
    wait_until(lambda: len(marked(mark)) == 2, "the end of the kernel, its child and its guardian")


def test_random_values_are_distinct(start: StartWarm) -> None:
    maker = start()
    values = maker.value(RANDOM)
    for _ in range(2):
        wait_filled(maker.pool)
        warm = start()
        assert warm.is_warm
        values += warm.value(RANDOM)
    assert len(values) == len(set(values)) == 15


def test_two_are_ready_and_the_environment_is_the_kernel_s(start: StartWarm) -> None:
    maker = start(standbys=2)
    wait_filled(maker.pool, 2)
    one, other = start(standbys=2, env={"WHICH": "one"}), start(standbys=2, env={"WHICH": "other"})
    assert one.is_warm
    assert other.is_warm
    assert one.value("__import__('os').environ['WHICH']") == "one"
    assert other.value("__import__('os').environ['WHICH']") == "other"
    wait_filled(maker.pool, 2)


def test_one_that_was_coming_is_not_ready_after_a_clearance(start: StartWarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was made for the same start as those that were ready, and would be refused as they were."""
    started, cleared = threading.Event(), threading.Event()
    made: list[Standby] = []

    def start_slowly(model: Model) -> Standby:
        started.set()
        assert cleared.wait(60)
        made.append(start_standby(model))
        return made[-1]

    monkeypatch.setattr(pools, "start_standby", start_slowly)
    driver = start()
    assert started.wait(60)
    driver.pool.clear()
    cleared.set()
    wait_until(lambda: made and made[0].process.returncode is not None, "the end of the one that was coming", 60)
    assert driver.pool.ready == []


def test_one_that_ends_is_let_go(start: StartWarm) -> None:
    driver = start()
    wait_filled(driver.pool)
    ready = driver.pool.ready[0]
    ready.process.terminate()
    wait_until(lambda: driver.pool.ready == [] and ready.process.returncode is not None, "the end")


def test_it_ends_when_nobody_has_asked_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        code = "from async_kernel.warm import standby\nstandby.AGE = 0.1\nimport sys\n"
        code += "standby.stand_by(int(sys.argv[1]), [sys.executable, '-m', 'async_kernel'])\nsys.exit(7)"
        process = subprocess.Popen([sys.executable, "-c", code, str(theirs.fileno())], pass_fds=[theirs.fileno()])
        assert process.wait(60) == 0


SERVER = """
import json, sys, time
from importlib.metadata import EntryPoint
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from async_kernel.warm.pool import pool_for
KernelProvisionerFactory.instance().provisioners["async-warm"] = EntryPoint(
    "async-warm", "async_kernel.warm.provisioner:WarmProvisioner", "jupyter_client.kernel_provisioners")
manager = KernelManager(kernel_name=sys.argv[1])
manager.kernel_spec.metadata["kernel_provisioner"] = {"provisioner_name": "async-warm", "config": {"standbys": 2}}
manager.start_kernel()
pool = pool_for(manager.kernel_spec.argv)
while len(pool.ready) < 2:
    time.sleep(0.05)
if sys.argv[2] == "fork":
    import os
    if os.fork() == 0:
        time.sleep(30)
        os._exit(0)
print(json.dumps([manager.provisioner.process.pid, *(one.process.pid for one in pool.ready)]), flush=True)
if sys.argv[2] != "exit":
    time.sleep(60)
manager.shutdown_kernel(now=True)
"""


SLOW = """
# A process that is to be ready stands in an import for a minute.
import sys, time
from importlib.machinery import PathFinder

class Slow(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "IPython" and "async_kernel.warm" in sys.orig_argv:
            time.sleep(60)
        return PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Slow
"""


@pytest.mark.parametrize("how", ["kill", "fork", "exit", "kill while they load"])
def test_they_end_with_their_server(specs: dict[str, str], how: str, tmp_path: Path) -> None:
    """In two seconds, however it ends, and whoever else holds the sockets; with the kernel and all guardians."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    mark = f"of_{tmp_path.name}_{os.getpid()}"
    environ = {**os.environ, "PYTHONWARNINGS": "error", "MARK": mark}
    if "load" in how:
        (tmp_path / "sitecustomize.py").write_text(SLOW)
        environ["PYTHONPATH"] = str(tmp_path)
    with subprocess.Popen(
        [sys.executable, str(script), specs["asyncio"], how], stdout=subprocess.PIPE, env=environ
    ) as server:
        try:
            assert server.stdout is not None
            if "load" in how:
                wait_until(lambda: len(marked(mark)) == 1 + 2 + 4, "kernel and guardian, two that load and theirs")
            else:
                pids = server.stdout.readline().strip(b"[]\n").split(b",")
                assert len(pids) == 3
            if how == "exit":
                assert server.wait(20) == 0
            else:
                assert len(marked(mark)) >= 6
            left = psutil.Process(server.pid).children() if how == "fork" else []
            left = [child for child in left if "-m" not in child.cmdline()]
        finally:
            server.kill()
        try:
            server.wait()
            wait_until(lambda: not set(marked(mark)) - set(left), "the end of all", 2)
        finally:
            for child in marked(mark):
                child.kill()


def marked(mark: str) -> list[psutil.Process]:
    """The processes that have `mark` in their environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("MARK") == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
