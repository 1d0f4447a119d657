"""`%autoawait`: cells that await run in the loop of the library that it names, within the kernel's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .harness import Ran, Shell, run_on

Cells = Callable[..., Ran]

WHICH = "import sniffio; print(sniffio.current_async_library())\n"


@pytest.fixture
def cells(shell: Shell, backend: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cells]:
    """Run cells on the backend, one after the other in one loop, which allows loops within it as a kernel does."""
    from async_kernel.concurrency.runners import allow_inner_loops

    def run(*codes: str) -> Ran:
        async def main() -> Ran:
            for code in codes[:-1]:
                assert (await shell.run(code)).reply["status"] == "ok"
            return await shell.run(codes[-1])

        ran: Ran = run_on(backend, main)
        return ran

    disallow = allow_inner_loops()
    chosen: Any = shell.interpreter.shell.loop_runner
    yield run
    shell.interpreter.shell.loop_runner, shell.interpreter.shell.autoawait = chosen, True
    disallow()


@pytest.fixture
def other(backend: str) -> str:
    """The library that is not the kernel's."""
    return "asyncio" if backend == "trio" else "trio"


@pytest.mark.parametrize(
    "code",
    [
        f"import {{other}}\n{WHICH}await {{other}}.sleep(0)",
        f"import {{other}}\nasync def f():\n    {WHICH}    await {{other}}.sleep(0)\n%time await f()",
    ],
)
def test_cells_that_await_run_on_the_library_that_is_chosen(cells: Cells, other: str, code: str) -> None:
    ran = cells(f"%autoawait {other}", code.replace("{other}", other))
    assert ran.reply["status"] == "ok", ran.contents("error")
    assert ran.text().startswith(f"{other}\n")


def test_other_cells_stay_in_the_kernels_loop(cells: Cells, backend: str, other: str) -> None:
    library = "trio" if backend == "trio" else "asyncio"
    assert cells(f"%autoawait {other}", WHICH).text() == f"{library}\n"
    assert cells(f"%autoawait {library}", f"import {library}\n{WHICH}await {library}.sleep(0)").text() == f"{library}\n"


def test_results_errors_and_names_are_those_of_any_cell(cells: Cells, other: str) -> None:
    chosen = f"%autoawait {other}\nimport {other}"
    ran = cells(chosen, f"await {other}.sleep(0)\nkept = 6 * 7\nkept")
    assert ran.result == "42"
    failed = cells(chosen, f"await {other}.sleep(0)\n1 / 0")
    assert failed.reply["ename"] == "ZeroDivisionError"
    assert failed.types.count("error") == 1
    assert cells("kept").result == "42"


def test_a_function_runs_the_coroutine_of_a_cell(cells: Cells) -> None:
    function = "ran = []\ndef run(cell):\n    import asyncio\n    ran.append(1)\n    return asyncio.run(cell)"
    assert cells(function, "%autoawait run", "import asyncio; await asyncio.sleep(0)", "ran").result == "[1]"


@pytest.mark.parametrize("off", ["off", "False", "false", "sync"])
def test_off_makes_an_await_a_syntax_error(cells: Cells, off: str) -> None:
    assert cells(f"%autoawait {off}", "await f()").reply["ename"] == "SyntaxError"
    assert cells("%autoawait on\n%autoawait").text().startswith("IPython autoawait is `on`")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nonsense", "not 'nonsense'"),
        ("os.nonsense", "not 'os.nonsense'"),
        ("number", "not 'number'"),
        ("curio", "curio is not installed. Install it with"),
    ],
)
def test_what_it_does_not_take_is_said(cells: Cells, monkeypatch: pytest.MonkeyPatch, name: str, says: str) -> None:
    if name == "curio":
        monkeypatch.setattr("async_kernel.ipython.autoawait.find_spec", lambda name: None)
    ran = cells("number = 5", f"%autoawait {name}")
    assert ran.reply["ename"] == "UsageError"
    assert says in ran.reply["evalue"]
    assert cells("import anyio; await anyio.sleep(0)").reply["status"] == "ok"


def test_it_prints_which_loop_is_in_use(cells: Cells, backend: str, other: str) -> None:
    library = "trio" if backend == "trio" else "asyncio"
    assert cells("%autoawait").text() == f"IPython autoawait is `on`, and set to use `{library}`\n"
