"""`__main__` is the user's module: what cells define can be pickled and run by other processes."""

from __future__ import annotations

import sys

import pytest

from .driver import KernelDriver


def test_main_is_the_module_of_the_cells(kernel: KernelDriver) -> None:
    kernel.execute("import sys\nmine = 1\ndef f(): pass\nclass C: pass").ok()
    assert kernel.value("(__name__, f.__module__, C.__module__)") == ("__main__",) * 3
    assert kernel.value("sys.modules['__main__'].mine") == 1
    assert kernel.value("sys.modules['__main__'].__dict__ is globals()") is True


def test_functions_and_instances_of_cells_can_be_pickled(kernel: KernelDriver) -> None:
    kernel.execute(
        "import pickle\nclass Duck:\n    def __init__(self, name): self.name = name\ndef speak(duck): return duck.name"
    ).ok()
    assert kernel.execute("f, d = pickle.loads(pickle.dumps((speak, Duck('Ada'))))\nf(d)").ok().result == "'Ada'"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_forked_workers_run_functions_of_cells(kernel: KernelDriver) -> None:
    code = (
        "import multiprocessing, warnings\nwarnings.simplefilter('ignore', DeprecationWarning)\n"
        "def square(n): return n * n\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: squares = pool.map(square, range(5))\nsquares"
    )
    assert kernel.execute(code).ok().result == "[0, 1, 4, 9, 16]"


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_spawned_workers_run_importable_functions_and_not_the_kernel(kernel: KernelDriver, method: str) -> None:
    if method == "forkserver" and sys.platform == "win32":
        pytest.skip("Windows has no fork")
    code = (
        f"import math, multiprocessing\nwith multiprocessing.get_context('{method}').Pool(1) as pool:\n"
        "    answers = pool.map(math.factorial, [3, 4])\nanswers"
    )
    assert kernel.execute(code).ok().result == "[6, 24]"


def test_spawned_workers_run_functions_of_a_module_beside_the_notebook(kernel: KernelDriver) -> None:
    kernel.execute("%%writefile beside.py\ndef triple(n): return 3 * n").ok()
    code = (
        "import multiprocessing, beside\nwith multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "    answers = pool.map(beside.triple, [1, 2])\nanswers"
    )
    assert kernel.execute(code).ok().result == "[3, 6]"


def test_a_process_pool_executor_can_be_awaited(kernel: KernelDriver) -> None:
    code = (
        "import math, multiprocessing\nfrom concurrent.futures import ProcessPoolExecutor\nimport anyio.to_thread\n"
        "with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context('spawn')) as pool:\n"
        "    answer = await anyio.to_thread.run_sync(pool.submit(math.factorial, 5).result)\nanswer"
    )
    assert kernel.execute(code).ok().result == "120"
