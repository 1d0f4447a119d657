"""The first reply comes before the interpreter; and a kernel that cannot start tells its client why, and ends."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .driver import DeadlineError, KernelDriver, wait_until

StartKernel = Callable[..., KernelDriver]

GATED = ("IPython", "anyio", "trio", "asyncio", "uvloop", "traitlets", "jupyter_client", "dataclasses", "debugpy")

GATE = """
# Holds every import of the modules named until the file `open` exists, and notes which were begun; to look whether
# a module is there stays free.
import os, sys, time
from importlib.machinery import PathFinder

class Held:
    def __init__(self, loader):
        self.loader = loader

    def __getattr__(self, name):
        return getattr(self.loader, name)

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        with open(os.path.join({folder!r}, "asked"), "a") as file:
            file.write(module.__name__ + "\\n")
        while not os.path.exists(os.path.join({folder!r}, "open")):
            time.sleep(0.001)
        module.__loader__ = module.__spec__.loader = self.loader
        self.loader.exec_module(module)

class Gate:
    def find_spec(self, name, path=None, target=None):
        if name not in {gated!r}:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = Held(spec.loader)
        return spec

already = sorted(set({gated!r}) & set(sys.modules))
with open(os.path.join({folder!r}, "already"), "w") as file:
    file.write(" ".join(already))
sys.meta_path.insert(0, Gate())
"""

HIDE = """
# Makes packages as absent as if they were not installed.
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""

BREAK = """
# Makes the import of a package fail, as a broken installation does.
import sys

class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ImportError("broken on purpose")
        return None

sys.meta_path.insert(0, Broken())
"""

INTERRUPTED = """
# From when the kernel's `__main__` has begun to run until all is loaded, sends SIGINT to the main thread whenever a
# function is called for the first time, whosever it is. Notes how many that were, once all is loaded.
import os, signal, sys

called = set()

def interrupt(frame, event, argument):
    if event == "return" and frame.f_code.co_qualname == "Loader.load":
        sys.setprofile(None)
        path = os.path.join({folder!r}, "count")
        with open(path + ".new", "w") as file:
            file.write(str(len(called)))
        os.replace(path + ".new", path)
    elif frame.f_code not in called and (called or signal.getsignal(signal.SIGINT) is not signal.default_int_handler):
        called.add(frame.f_code)
        signal.raise_signal(signal.SIGINT)

sys.setprofile(interrupt)
"""


def customised(folder: Path, code: str) -> dict[str, str | None]:
    """An environment in which Python runs `code` before anything else; coverage is left out, as it imports things."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder), "COVERAGE_PROCESS_START": None, "COVERAGE_PROCESS_CONFIG": None}


def test_the_first_kernel_info_reply_comes_before_the_interpreter_is_imported(
    start_kernel: StartKernel, backend: str, tmp_path: Path
) -> None:
    """The imports are held at a gate that opens only after the reply: a kernel that needs one of them cannot answer."""
    gate = tmp_path / "gate"
    env = customised(gate, GATE.format(gated=GATED, folder=str(gate)))
    kernel = start_kernel(backend, ready=False, env=env)
    try:
        asked = kernel.send("kernel_info_request")
        queued = kernel.start("6 * 7")
        try:
            content = kernel.reply(asked)["content"]
        except DeadlineError as error:
            first = (gate / "asked").read_text() if (gate / "asked").exists() else "nothing"
            raise AssertionError(f"no reply while these imports were held: {first}") from error
        assert content["status"] == "ok"
        assert content["protocol_version"] == "5.5"
        assert content["language_info"]["name"] == "python"
        assert (gate / "already").read_text() == ""
        wait_until((gate / "asked").exists, "the import of the interpreter")
    finally:
        (gate / "open").touch()
    assert kernel.reply(queued)["content"]["status"] == "ok"
    asked_for = (gate / "asked").read_text().split()
    assert "IPython" in asked_for, "the gate was never used"


def test_kernel_info_is_the_same_before_and_after_the_interpreter_is_there(
    start_kernel: StartKernel, backend: str
) -> None:
    kernel = start_kernel(backend, ready=False)
    first = kernel.reply(kernel.send("kernel_info_request"))["content"]
    kernel.wait_ready()
    after = kernel.request("kernel_info_request")["content"]
    assert "IPython" in first.pop("banner")
    assert "IPython" in after.pop("banner")  # its own now, which may hold a tip, and what the user wants there
    assert after == first


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX: SIGINT to a process")
def test_an_interrupt_at_any_moment_of_the_start_costs_nothing(
    start_kernel: StartKernel, backend: str, tmp_path: Path
) -> None:
    folder = tmp_path / "interrupted"
    kernel = start_kernel(backend, ready=False, env=customised(folder, INTERRUPTED.format(folder=str(folder))))
    wait_until(lambda: (folder / "count").exists() or kernel.process.poll() is not None, "the end of the start")
    assert int((folder / "count").read_text()) > 1000
    kernel.wait_ready()
    assert [kernel.execute(f"{number}").ok().result for number in range(3)] == ["0", "1", "2"]


def assert_client_is_told(kernel: KernelDriver, *words: str) -> None:
    """Whatever is asked of a kernel that cannot start gets an error that says why; the process then fails."""
    kernel.expects_stderr = True
    asked = [kernel.send("kernel_info_request"), kernel.start("1"), kernel.start("2")]
    replies = [kernel.reply(msg_id)["content"] for msg_id in asked]
    for content in replies[1:]:
        assert content["status"] == "error"
        for word in words:
            assert word in f"{content['ename']} {content['evalue']}"
    published = kernel.published(asked[1])
    assert any(message["msg_type"] == "error" for message in published), "nothing that a front end would show"
    assert kernel.wait_exit() != 0
    for word in words:
        assert word in kernel.stderr()


def test_a_kernel_without_its_backend_tells_the_client_what_to_install(
    start_kernel: StartKernel, peer: str, tmp_path: Path
) -> None:
    env = customised(tmp_path / "hide", HIDE.format(hidden=("trio",)))
    kernel = start_kernel("trio", ready=False, env=env)
    assert_client_is_told(kernel, "trio", "pip install")


def test_a_kernel_whose_interpreter_cannot_be_imported_answers_what_is_queued(
    start_kernel: StartKernel, backend: str, tmp_path: Path
) -> None:
    env = customised(tmp_path / "break", BREAK.format(name="IPython"))
    kernel = start_kernel(backend, ready=False, env=env)
    assert_client_is_told(kernel, "broken on purpose")


def test_without_uvloop_the_spec_that_prefers_it_runs_on_asyncio(start_kernel: StartKernel, tmp_path: Path) -> None:
    env = customised(tmp_path / "hide", HIDE.format(hidden=("uvloop",)))
    kernel = start_kernel("asyncio", env=env)
    assert kernel.execute("import asyncio; await asyncio.sleep(0) or 'fine'").ok().result == "'fine'"


@pytest.mark.parametrize("argument", ["--backend=curio", "--no-such-setting=1", "--bakend=trio"])
def test_a_wrong_setting_in_a_spec_ends_the_start_with_a_clear_message(
    start_kernel: StartKernel, argument: str
) -> None:
    kernel = start_kernel("asyncio", ready=False, arguments=[argument])
    kernel.expects_stderr = True
    assert kernel.wait_exit() == 2
    assert argument.partition("=")[0].strip("-").replace("-", "_") in kernel.stderr().replace("-", "_")
    assert "Traceback" not in kernel.stderr()


def test_garbage_is_collected_once_the_kernel_has_started(kernel: KernelDriver) -> None:
    """Collections were a tenth of the start: there are none while modules are imported."""
    assert kernel.execute("import gc").reply["status"] == "ok"
    assert kernel.value("gc.isenabled()")
    assert kernel.value("gc.get_freeze_count()") == 0, "nothing is kept from the user's own look at all objects"
    assert kernel.value("gc.get_stats()[2]['collections']") < 5


SPARED = (
    "IPython.core.magic_arguments",  # the magics that it parses arguments for: argparse builds each parser
    "IPython.core.magics.basic",
    "IPython.core.magics.execution",
    "anyio",
    "async_kernel.ipython.awaiting",  # the magics over code that awaits
    "difflib",  # suggestions for names that are misspelt
    "importlib.abc",  # brings importlib.resources with it, and that zipfile and tempfile
    "pydoc",
    "sniffio",
    "timeit",
)
"""The modules that are imported with the first cell that needs them. A name that goes from here costs every start."""


def test_what_most_cells_never_need_is_not_imported_for_the_first(start_kernel: StartKernel, backend: str) -> None:
    kernel = start_kernel(backend)
    imported = kernel.value(f"[name for name in {SPARED} if name in __import__('sys').modules]")
    assert imported == (["sniffio"] if backend == "trio" else [])


def test_where_a_port_was_taken_tests_start_the_kernel_again(specs: Mapping[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        driver = KernelDriver(specs["asyncio"], "asyncio", tmp_path)
        driver.manager.iopub_port, driver.manager.cache_ports = taker.getsockname()[1], False
        driver.launch()
        try:
            assert driver.wait_ready().execute("6 * 7").result == "42"
        finally:
            driver.close()
