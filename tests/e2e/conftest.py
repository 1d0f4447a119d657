"""Kernels for the end-to-end tests: one shared per module and backend, and a factory for those that need their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .driver import KernelDriver

StartKernel = Callable[..., KernelDriver]


@pytest.fixture(scope="module")
def kernel(
    backend: str, specs: Mapping[str, str], peer: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KernelDriver]:
    """A running kernel that the tests of a module share."""
    driver = KernelDriver(specs[backend], backend, tmp_path_factory.mktemp("kernel"))
    driver.expects_stderr = bool(peer)
    driver.launch()
    try:
        driver.wait_ready()
        yield driver
    finally:
        driver.close()


@pytest.fixture
def start_kernel(specs: Mapping[str, str], peer: str, tmp_path: Path) -> Iterator[StartKernel]:
    """Start kernels of one's own: `start_kernel("trio", env={...})`. All are closed and checked."""
    with ExitStack() as stack:

        def start(backend: str = "asyncio", *, ready: bool = True, **options: Any) -> KernelDriver:
            folder = tmp_path / f"kernel-{len(list(tmp_path.glob('kernel-*')))}"
            folder.mkdir()
            driver = KernelDriver(specs[backend], backend, folder)
            driver.expects_stderr = bool(peer)
            driver.launch(**options)
            stack.callback(driver.close)
            return driver.wait_ready() if ready else driver

        yield start
