"""Ready processes from their start to their end: restarts, fresh random values, and nothing that stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager

from async_kernel.settings.parser import WARM
from async_kernel.warm import provisioner
from tests.e2e.driver import wait_until

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


def test_a_client_finds_the_channels_open(start: StartWarm, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes when `start_kernel` has returned; ZMQ would let it wait for a tenth of a second if it were refused."""
    monkeypatch.setattr(provisioner, "BOUND_SECONDS", 20.0)
    maker = start()
    wait_filled(maker.pool)
    expected = maker.pool.ready[0].process.pid
    manager = KernelManager()
    manager._kernel_spec = maker.manager.kernel_spec
    manager.start_kernel(cwd=str(maker.folder))
    try:
        assert manager.provisioner.process.pid == expected  # type: ignore[union-attr]
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
    driver.manager.provisioner.process.send_signal(signal.SIGTERM)  # type: ignore[union-attr]
    assert driver.wait_exit() == 0


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


@pytest.mark.parametrize("how", ["kill", "fork", "exit"])
def test_they_end_with_their_server(specs: dict[str, str], how: str, tmp_path: Path) -> None:
    """In two seconds, however it ends, and whoever else holds the sockets."""
    script = tmp_path / "server.py"
    script.write_text(SERVER)
    environ = {**os.environ, "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        [sys.executable, str(script), specs["asyncio"], how], stdout=subprocess.PIPE, env=environ
    ) as server:
        try:
            assert server.stdout is not None
            pids = [int(word) for word in server.stdout.readline().strip(b"[]\n").split(b",")]
            assert len(pids) == 3
            if how == "exit":
                assert server.wait(20) == 0
            left = (
                [psutil.Process(child.pid) for child in psutil.Process(server.pid).children()] if how == "fork" else []
            )
        finally:
            server.kill()
        try:
            wait_until(lambda: not any(map(_lives, pids)), "the end of all", 2)
        finally:
            for child in left:
                child.kill()


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
