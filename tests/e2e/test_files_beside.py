"""Files beside the notebook that are named like modules of the standard library, or of what the kernel needs.

The kernel is started in a folder that holds one of each. Each file writes its name down when it is run.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from async_kernel.import_order import DEPENDENCIES, OPTIONAL
from tests.conftest import BACKENDS
from tests.environments import site_packages

from .driver import KernelDriver, plain

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the environment that is made here is a POSIX one")

NAMES = sorted({*sys.stdlib_module_names, *DEPENDENCIES, *OPTIONAL, "async_kernel"})
FILE = """\
with open({log!r}, "a") as file:
    file.write(__name__ + "\\n")
is_the_users = True
"""


@pytest.fixture(scope="module")
def python(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has what this one has, and the start file as an installation puts it."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([python, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    [site] = folder.glob("lib/python*/site-packages")
    installed = site_packages(python)
    (site / "all.pth").write_text(f"import site; site.addsitedir({str(installed)!r})\n")
    for start in installed.glob("async_kernel_start.pth"):
        (site / start.name).write_bytes(start.read_bytes())
    return folder / "bin" / "python"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working folder, with a file of each name."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in NAMES:
        (folder / f"{name}.py").write_text(FILE.format(log=str(tmp_path / "run")))
    return folder


def was_run(folder: Path) -> list[str]:
    log = folder.parent / "run"
    return log.read_text().split() if log.exists() else []


@pytest.fixture
def kernel(python: Path, folder: Path, home: Path, backend: str) -> Iterator[KernelDriver]:
    kernels = home / "jupyter" / "kernels"
    words = ["-a", f"beside-{backend}", f"--folder={kernels}", "--fullpath", *BACKENDS[backend]]
    subprocess.run([python, "-m", "async_kernel", *words], cwd=python.parent, check=True, timeout=60)
    driver = KernelDriver(f"beside-{backend}", backend, folder)
    try:
        yield driver.launch().wait_ready()
    finally:
        driver.close()


def test_no_file_is_run_but_by_the_cell_that_imports_it(kernel: KernelDriver, folder: Path) -> None:
    assert kernel.execute("6 * 7").ok().result == "42"
    failed = kernel.execute("def divide():\n    return 1 / 0\ndivide()")
    assert "----> 2     return 1 / 0" in plain("\n".join(failed.reply["traceback"]))
    assert kernel.execute("!echo said by a shell").ok().text().split() == ["said", "by", "a", "shell"]
    assert "6 * 7" in kernel.execute("%history").ok().text()
    assert "loop" in kernel.execute("%timeit -n1 -r1 1").ok().text()
    assert kernel.execute("%%bash\necho $((6 * 7))").ok().text() == "42\n"
    assert kernel.execute(f"import {kernel.library}\nawait {kernel.library}.sleep(0)").ok()
    shown = kernel.execute("from IPython.display import HTML, display\ndisplay(HTML('<b>x</b>'))").ok()
    assert shown.contents("display_data")[0]["data"]["text/html"] == "<b>x</b>"
    assert kernel.execute("import comm\ncomm.create_comm(target_name='none')").ok()
    matches = kernel.request("complete_request", {"code": "'a'.upp", "cursor_pos": 7})["content"]["matches"]
    assert matches == ["upper"]
    found = kernel.request("inspect_request", {"code": "print", "cursor_pos": 5, "detail_level": 1})["content"]["found"]
    assert found
    asked = {"hist_access_type": "tail", "n": 3, "output": False, "raw": True}
    assert kernel.request("history_request", asked)["content"]["history"]
    initialize = {"type": "request", "seq": 1, "command": "initialize", "arguments": {"adapterID": "", "clientID": ""}}
    debugger = kernel.request("debug_request", initialize, channel="control")["content"]
    assert debugger["success"], debugger
    disconnect = {"type": "request", "seq": 2, "command": "disconnect", "arguments": {}}
    assert kernel.request("debug_request", disconnect, channel="control")["content"]["success"]
    assert was_run(folder) == []

    # Python's own rule for a cell: the working folder first, and what is loaded is not loaded again; it is told so.
    loaded = set(kernel.value("__import__('sys').modules.keys() | set(__import__('sys').builtin_module_names)"))
    taken_before = {"__hello__", "__phello__", "zipimport", "distutils"}  # frozen into Python; setuptools has the last
    users = [name for name in NAMES if name not in loaded | taken_before]
    assert len(users) > 50
    for name in users:
        kernel.execute(f"import {name}\nassert {name}.is_the_users").ok()
    assert was_run(folder) == users
    told = kernel.execute(f"import random, zmq.asyncio, {users[0]}\nfrom queue import Queue").ok().text("stderr")
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        f"`import {name}` does not give {folder / name}.py" for name in ("random", "zmq", "queue")
    ]
    assert kernel.execute("import random\nrandom.random()").ok().text("stderr") == ""
    assert was_run(folder) == users
    assert kernel.execute("6 * 7").ok().result == "42"


@pytest.mark.parametrize(
    "words", [["--version"], ["-h"], ["list"], ["-a", "x", "--dry-run"], ["completion", "bash"]], ids=" ".join
)
def test_no_file_is_run_by_a_command(words: list[str], python: Path, folder: Path) -> None:
    subprocess.run([python, "-m", "async_kernel", *words], cwd=folder, check=True, timeout=60, capture_output=True)
    assert was_run(folder) == []


def test_without_the_start_file_only_python_itself_runs_any(folder: Path) -> None:
    """As in a copy of the package that no installer has put there. What runpy imports is looked for before ours."""
    code = "import sys; before = set(sys.modules); import runpy; print(*sorted(set(sys.modules) - before))"
    runpy = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    for name in {word.partition(".")[0] for word in runpy.stdout.split()} | {"async_kernel"}:
        (folder / f"{name}.py").unlink(missing_ok=True)
    package = Path(__file__).parents[2]
    command = [sys.executable, "-S", "-m", "async_kernel", "--version"]
    subprocess.run(command, cwd=folder, check=True, timeout=60, env={"PYTHONPATH": str(package)})
    assert was_run(folder) == []
