"""ray from cells: the page about it, whose output is shown where, interrupts, and that no process is left."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.clusters import SECONDS, end_leaving_none, family, follow_section, gone
from tests.e2e.driver import KernelDriver, plain

from ..conftest import BACKENDS, write_specs
from ..environments import make

PATIENT = {"RAY_raylet_start_wait_time_s": "110"}
"""By itself ray gives its servers half a minute: machines that test are busy."""

pytestmark = [
    pytest.mark.beyond,
    pytest.mark.timeout(900),  # the first test makes an environment
    pytest.mark.skipif(sys.platform == "win32" or sys.version_info >= (3, 14), reason="ray has no wheel for it"),
]

SETUP = """
import ray, time
from async_kernel import Caller, Pending

context = ray.init(num_cpus=2, include_dashboard=False, logging_level="error")

@ray.remote
def speak(word):
    print(word, "says the worker", flush=True)

@ray.remote
def fail(n):
    raise ValueError(f"no {n}")

@ray.remote
def work(seconds):
    time.sleep(seconds)
"""


@pytest.fixture(scope="session")
def specs(home: Path, outside: Mapping[str, str]) -> Mapping[str, str]:
    """The kernel spec of each backend in an environment with ray."""
    return write_specs(home / "jupyter" / "kernels", str(make("ray", outside)), prefix="ray")


@pytest.fixture(params=list(BACKENDS))
def kernel(request: pytest.FixtureRequest, specs: Mapping[str, str], tmp_path: Path) -> Iterator[KernelDriver]:
    """A kernel of one's own."""
    backend = request.param
    kernel = KernelDriver(specs[backend], backend, tmp_path).launch(PATIENT).wait_ready()
    try:
        yield kernel
    finally:
        kernel.close()


def test_the_page(kernel: KernelDriver) -> None:
    kernel.execute(
        "from async_kernel import Caller, Pending\n"
        "def square(n): return n * n\ndef speak(word): print(word, 'says the worker')"
    ).ok()
    follow_section("ray", kernel, to="ray.shutdown()")
    processes = family(kernel)
    assert processes
    kernel.execute("ray.shutdown()").ok()
    gone(processes)


def test_output_errors_and_interrupts(kernel: KernelDriver) -> None:
    kernel.execute(SETUP, seconds=SECONDS).ok()

    asks = {"one": "ray.get({})", "two": "ray.get({})", "three": "await Pending.of({}.future())"}
    for word, wait in asks.items():  # output comes a moment after the result, so the cell is held until it is there
        hold, let_go = kernel.gate()
        if wait.startswith("await"):
            hold = "import anyio\n" + hold.replace("time.sleep", "await anyio.sleep")
        asked = kernel.start(f"{wait.format(f'speak.remote({word!r})')}\n{hold}")
        published = kernel.wait_printed(asked, f"{word} says the worker")
        assert f") {word} says the worker" in plain("".join(one["content"].get("text", "") for one in published))
        let_go()
        kernel.finish(asked).ok()

    for code in ("ray.get(fail.remote(3))", "await Pending.of(fail.remote(4).future())"):
        cell = kernel.execute(code)
        assert "ValueError" in cell.reply["ename"], code
        assert "in fail" in plain("\n".join(cell.reply["traceback"])), code

    waits = [
        "ray.get(ref)",
        "ray.wait([ref])",
        "await Pending.of(ref.future())",
        "await Caller.to_thread(ray.get, ref)",
    ]
    for wait in waits + ["await ref"] * (kernel.library == "asyncio"):
        asked = kernel.start_until_printed(f"ref = work.remote(2)\nprint('begun')\n{wait}", "begun")
        kernel.request("interrupt_request", channel="control")
        assert kernel.finish(asked).reply["ename"] == "KeyboardInterrupt", wait
    cell = kernel.execute("ref = work.remote(0)\nawait ref")
    if kernel.library == "trio":
        assert "This kernel runs trio, and this code is for asyncio." in "".join(cell.reply["traceback"])
    else:
        cell.ok()
    kernel.execute("ray.shutdown()").ok()


def test_nothing_is_left_of_a_kernel_that_did_not_end_it(kernel: KernelDriver) -> None:
    kernel.execute(SETUP, seconds=SECONDS).ok()
    end_leaving_none(kernel, 4)
