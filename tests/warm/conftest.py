"""Kernels whose spec names the provisioner `async-warm`, started by the process of the tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.factory import KernelProvisionerFactory

from async_kernel.warm.pool import Pool, pool_for
from tests.e2e.driver import KernelDriver, wait_until

if sys.platform == "win32":  # no processes are kept ready there
    collect_ignore_glob = ["test_*.py"]

PROVISIONER = "async_kernel.warm.provisioner:WarmProvisioner"


def spec_of(manager: KernelManager) -> KernelSpec:
    """The spec that a manager starts kernels of."""
    spec = manager.kernel_spec
    assert spec is not None
    return spec


class WarmDriver(KernelDriver):
    """A kernel by the provisioner `async-warm`."""

    def __init__(self, spec: str, backend: str, folder: Path, standbys: int = 1) -> None:
        self._standbys = standbys
        super().__init__(spec, backend, folder)

    def make_manager(self, spec: str) -> KernelManager:
        """A manager of warm starts."""
        manager = super().make_manager(spec)
        stanza = {"provisioner_name": "async-warm", "config": {"standbys": self._standbys}}
        spec_of(manager).metadata["kernel_provisioner"] = stanza
        return manager

    @property
    def pool(self) -> Pool:
        return pool_for(spec_of(self.manager).argv)

    @property
    def is_warm(self) -> bool:
        """Whether it was a process that was ready."""
        return bool(self.value("'async_kernel.warm.standby' in __import__('sys').modules"))


StartWarm = Callable[..., WarmDriver]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry point, also where the package was installed before it had one."""
    entry = EntryPoint("async-warm", PROVISIONER, KernelProvisionerFactory.GROUP_NAME)
    factory = KernelProvisionerFactory.instance()
    monkeypatch.setitem(factory.provisioners, "async-warm", entry)


@pytest.fixture
def start(specs: Mapping[str, str], tmp_path: Path) -> Iterator[StartWarm]:
    """Start kernels: `start("trio")`. All are closed, and the pools emptied."""
    with ExitStack() as stack:

        def start(
            backend: str = "asyncio",
            *,
            standbys: int = 1,
            prepare: Callable[[KernelManager], object] = lambda manager: None,
            **options: Any,
        ) -> WarmDriver:
            folder = tmp_path / "kernel"  # the same for all: they are compared
            folder.mkdir(exist_ok=True)
            driver = WarmDriver(specs[backend], backend, folder, standbys)
            stack.callback(driver.pool.clear)
            prepare(driver.manager)
            driver.launch(**options)
            stack.callback(driver.close)
            return driver.wait_ready()

        yield start


def wait_filled(pool: Pool, count: int = 1) -> None:
    """Wait until so many processes are ready."""
    wait_until(lambda: len(pool.ready) == count, "a ready process", 60)
