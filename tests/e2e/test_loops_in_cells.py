"""Cells that run a loop of their own, by themselves or inside a library, while the kernel's runs in the same thread."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .driver import KernelDriver

MAIN = """
import LIB, threading
async def main():
    await LIB.sleep(0.001)
    print('inside', threading.current_thread() is threading.main_thread())
    return 'result'
"""

RUNS = {
    "asyncio.run": "import asyncio\nasyncio.run(main())",
    "asyncio.Runner": "import asyncio\nwith asyncio.Runner() as runner: got = runner.run(main())\ngot",
    "new_event_loop": "import asyncio\nloop = asyncio.new_event_loop()\ngot = loop.run_until_complete(main())\n"
    "loop.close()\ngot",
    "uvloop.run": "import uvloop\nuvloop.run(main())",
    "anyio.run": "import anyio\nanyio.run(main)",
    "anyio.run trio": "import anyio\nanyio.run(main, backend='trio')",
    "trio.run": "import trio\ntrio.run(main)",
}

# Three libraries of PyPI that run a loop where they are called.
ASGIREF = "from asgiref.sync import async_to_sync\nasync_to_sync(main)()"
ASYNCCLICK = (
    "import asyncclick\n@asyncclick.command()\nasync def command():\n    return await main()\n"
    "command([], standalone_mode=False{})"
)
UVICORN = """
import uvicorn
async def application(scope, receive, send):
    assert scope['type'] == 'lifespan'
    await receive()
    await send({'type': 'lifespan.startup.complete'})
    kept.append(await main())
    server.should_exit = True
    await receive()
    await send({'type': 'lifespan.shutdown.complete'})
kept = []
server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan='on', log_level='warning'))
server.run()
kept[0]
"""
LIBRARIES = {
    "asgiref": ("asyncio", ASGIREF),
    "asyncclick": ("asyncio", ASYNCCLICK.format("")),
    "asyncclick on trio": ("trio", ASYNCCLICK.format(", _anyio_backend='trio'")),
    "uvicorn": ("asyncio", UVICORN),
}


def check(kernel: KernelDriver, code: str) -> None:
    """Run a cell twice; the kernel's own loop has to be as it was."""
    for _ in range(2):
        cell = kernel.execute(code).ok()
        assert cell.result == "'result'"
        assert cell.text().startswith("inside")
    after = kernel.execute(f"import {kernel.library} as lib\nawait lib.sleep(0.001)\n'awaited'").ok()
    assert after.result == "'awaited'"


@pytest.mark.parametrize("name", RUNS)
def test_a_loop_runs_in_a_cell(kernel: KernelDriver, name: str) -> None:
    library = "trio" if "trio" in name else "asyncio"
    check(kernel, MAIN.replace("LIB", library) + RUNS[name])
    assert kernel.execute("threading.current_thread() is threading.main_thread()").ok().result == "True"


@pytest.mark.parametrize("name", LIBRARIES)
def test_libraries_that_run_loops_do_so_in_a_cell(kernel: KernelDriver, name: str) -> None:
    library, code = LIBRARIES[name]
    check(kernel, MAIN.replace("LIB", library) + code)


def test_they_run_in_a_cell_that_awaits_and_in_a_subshell(kernel: KernelDriver) -> None:
    kernel.execute(MAIN.replace("LIB", "asyncio")).ok()
    code = f"import asyncio, {kernel.library} as lib\nawait lib.sleep(0)\nasyncio.run(main())"
    assert kernel.execute(code).ok().result == "'result'"
    subshell = kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]
    cell = kernel.execute(code, header={"subshell_id": subshell}).ok()
    assert (cell.result, cell.text()) == ("'result'", "inside False\n")
    kernel.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")


HANG = """
import LIB, time
async def hang():
    try:
        print('ready')
        WAIT
    finally:
        print('finally')
RUN
"""

# The library, what hangs, what runs it.
HANGS = {
    "asyncio": ("asyncio", "await asyncio.sleep(60)", "asyncio.run(hang())"),
    "uvloop": ("asyncio", "await asyncio.sleep(60)", "import uvloop; uvloop.run(hang())"),
    "trio": ("trio", "await trio.sleep(60)", "trio.run(hang)"),
    "blocking": ("asyncio", "time.sleep(60)", "asyncio.run(hang())"),
    "endless": ("asyncio", "while True: pass", "asyncio.run(hang())"),
    "blocking in trio": ("trio", "time.sleep(60)", "trio.run(hang)"),
}


@pytest.mark.parametrize("name", HANGS)
def test_an_interrupt_ends_the_inner_loop_and_the_outer_one_is_unharmed(kernel: KernelDriver, name: str) -> None:
    library, wait, run = HANGS[name]
    code = HANG.replace("LIB", library).replace("WAIT", wait).replace("RUN", run)
    cell = kernel.start_until_printed(code, "ready")
    kernel.request("interrupt_request", channel="control")
    ended = kernel.finish(cell)
    assert ended.reply["ename"] == "KeyboardInterrupt"
    assert ended.text().endswith("finally\n"), "\n".join(ended.reply["traceback"])
    after = kernel.execute(f"import {kernel.library} as lib\nawait lib.sleep(0.001)\n'well'").ok()
    assert after.result == "'well'"


def test_signals_wake_the_outer_loop_as_before(kernel: KernelDriver) -> None:
    kernel.execute("import asyncio, trio\nasyncio.run(asyncio.sleep(0))\ntrio.run(trio.sleep, 0)").ok()
    code = f"import {kernel.library} as lib\nprint('ready')\nawait lib.sleep(60)"
    for _ in range(5):
        cell = kernel.start_until_printed(code, "ready")
        kernel.request("interrupt_request", channel="control")
        assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"


def test_nest_asyncio_does_no_harm(start_kernel: Callable[..., KernelDriver], backend: str) -> None:
    kernel = start_kernel(backend)
    code = "import asyncio\nasync def work(): return await asyncio.sleep(0.001) or 42\n"
    kernel.execute(f"{code}import nest_asyncio2; nest_asyncio2.apply()").ok()
    for _ in range(2):
        assert kernel.execute("asyncio.run(work())").ok().result == "42"
    assert kernel.execute(f"import {kernel.library}; await {kernel.library}.sleep(0.001) or 42").ok().result == "42"


def test_a_cell_that_runs_on_another_library_is_interrupted(kernel: KernelDriver) -> None:
    other = "asyncio" if kernel.library == "trio" else "trio"
    kernel.execute(f"import {other}\n%autoawait {other}").ok()
    running = kernel.start_until_printed(f"print('in')\nawait {other}.sleep(60)", "in")
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"
    assert kernel.execute(f"await {other}.sleep(0)\n6 * 7").ok().result == "42"
    kernel.execute(f"%autoawait {kernel.library}").ok()
    assert kernel.execute(f"import {kernel.library}; await {kernel.library}.sleep(0)\n6 * 7").ok().result == "42"


def test_pytest_in_a_cell_takes_what_the_kernel_has_imported_as_it_is(
    start_kernel: Callable[..., KernelDriver], backend: str
) -> None:
    kernel = start_kernel(backend)  # where no cell has imported a plugin of pytest's, such as anyio
    (kernel.folder / "test_it.py").write_text("def test_it(): assert True")  # as `%%ipytest` runs a cell
    code = "import pytest; int(pytest.main(['-q', '-W', 'error', '-p', 'no:cacheprovider', 'test_it.py']))"
    cell = kernel.execute(code).ok()
    assert cell.result == "0", cell.text() + cell.text("stderr")
