"""Kernels for the end-to-end tests: one shared per module and backend, and a factory for those that need their own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from .driver import KernelDriver

StartKernel = Callable[..., KernelDriver]

HAS_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note which tests have failed."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    """End the kernel that a test has failed with, so that the next one gets another: one that hangs would have all
    others of its module fail, each after its deadline."""
    yield
    if isinstance(item, pytest.Function) and HAS_FAILED in item.stash:
        request: Any = item._request  # which no public name leads to
        shared = request._fixture_defs.get("kernel")
        if shared is not None:
            shared.finish(request)  # as pytest does where the parameter of a fixture changes


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
