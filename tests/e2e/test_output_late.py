"""Whose output is whose when a cell has ended: what works for others goes on in their cells.

The rule is that of `docs/guides/output.md`, sentence by sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import nbclient
import nbformat
import pytest

from .driver import KernelDriver

posix = pytest.mark.skipif(sys.platform == "win32", reason="descriptors are captured on POSIX systems")

WORK = """
def work(word):
    print(word, flush=True)
    return word
"""

IN_THREADS = {
    "ThreadPool": (
        "from multiprocessing.pool import ThreadPool\npool = ThreadPool(1)\npool.map(work, ['made'])",
        "pool.map(work, [{word!r}]);",
    ),
    "callbacks of a Pool": (
        "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(1)\npool.map(work, ['made'])",
        "done = threading.Event()\n"
        "pool.apply_async(len, ['x'], callback=lambda _: (work({word!r}), done.set()))\ndone.wait(10);",
    ),
    "callbacks of futures": (
        "import concurrent.futures, multiprocessing\n"
        "pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('fork'))\n"
        "pool.submit(work, 'made').result()",
        "done = threading.Event()\nfuture = pool.submit(time.sleep, 0.05)\n"
        "future.add_done_callback(lambda _: (work({word!r}), done.set()))\ndone.wait(10);",
    ),
    "QueueListener": (
        "import logging.handlers, queue, sys\nrecords = queue.Queue()\nlog = logging.getLogger('listened')\n"
        "log.propagate = False\nlog.addHandler(logging.handlers.QueueHandler(records))\n"
        "handler = logging.StreamHandler(sys.stdout)\n"
        "listener = logging.handlers.QueueListener(records, handler)\nlistener.start()\nlog.warning('made')\n"
        "records.join();",
        "log.warning({word!r}); records.join()",
    ),
}
"""What makes something that lives on, and what uses it in another cell so that it prints a word: in this process."""

IN_PROCESSES = {
    "Pool": (
        "import multiprocessing\npool = multiprocessing.get_context('fork').Pool(1)\npool.map(work, ['made'])",
        "pool.map(work, [{word!r}]);",
    ),
    "spawned Pool": (
        "import multiprocessing\npool = multiprocessing.get_context('spawn').Pool(1)\npool.map(print_it, ['made'])",
        "pool.map(print_it, [{word!r}]);",
    ),
    "processes of a fork server": (
        "import multiprocessing\ndef work_beside(word):\n"
        "    beside = multiprocessing.get_context('forkserver').Process(target=print_it, args=(word,))\n"
        "    beside.start()\n    beside.join()\nwork_beside('made')",
        "work_beside({word!r})",
    ),
    "Pool of a fork server": (
        "import multiprocessing\npool = multiprocessing.get_context('forkserver').Pool(1)\n"
        "pool.map(print_it, ['made'])",
        "pool.map(print_it, [{word!r}]);",
    ),
    "ProcessPoolExecutor": (
        "import concurrent.futures, multiprocessing\n"
        "pool = concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context('fork'))\n"
        "pool.submit(work, 'made').result()",
        "pool.submit(work, {word!r}).result()",
    ),
    "joblib": (
        "import joblib\njoblib.Parallel(2)(joblib.delayed(print_it)('made') for _ in range(1))",
        "joblib.Parallel(2)(joblib.delayed(print_it)({word!r}) for _ in range(1));",
    ),
    "a shell held open": (
        "import subprocess\nshell = subprocess.Popen(['sh'], stdin=subprocess.PIPE, text=True)\n"
        "def say(word):\n    there = pathlib.Path('said ' + word)\n"
        "    print(f'echo {word}; : > \"{there}\"', file=shell.stdin, flush=True)\n"
        "    while not there.exists(): time.sleep(0.01)\nsay('made')",
        "say({word!r})",
    ),
}
"""The same, in other processes."""


@pytest.fixture(autouse=True, scope="module")
def names(kernel: KernelDriver) -> None:
    """What the cells use."""
    (kernel.folder / "printing.py").write_text("def print_it(word):\n    print(word, flush=True)\n")
    kernel.execute(f"import pathlib, sys, threading, time\nfrom printing import print_it\n{WORK}").ok()


@pytest.mark.parametrize("made", [*IN_THREADS, *(pytest.param(name, marks=posix) for name in IN_PROCESSES)])
def test_what_works_for_others_speaks_in_their_cells(kernel: KernelDriver, made: str) -> None:
    make, use = (IN_THREADS | IN_PROCESSES)[made]
    assert "made" in kernel.execute(make, seconds=30).ok().text()
    for word in ("one", "two"):
        assert kernel.execute(use.format(word=word), seconds=30).ok().text() == f"{word}\n"


YOURS = {
    "thread": "threading.Thread(target=speak).start()",
    "thread of a thread": "threading.Thread(target=lambda: threading.Thread(target=speak).start()).start()",
    "timer": "threading.Timer(0.01, speak).start()",
    "thread by a library": "import multiprocessing.dummy\nmultiprocessing.dummy.Process(target=speak).start()",
    "job": "import concurrent.futures\npool = concurrent.futures.ThreadPoolExecutor(1)\njob = pool.submit(speak)",
    "callback": "import concurrent.futures\nfuture = concurrent.futures.Future()\n"
    "future.add_done_callback(lambda _: speak())\n"
    "pool = concurrent.futures.ThreadPoolExecutor(1)\npool.submit(lambda: (go.wait(10), future.set_result(1)))",
}
"""What a cell starts that speaks in it, however late."""

YOURS_IN_PROCESSES = {
    "program": "import subprocess\nchild = subprocess.Popen(['sh', '-c', waiting])",
    "program in the background": "import os\nos.system(f'({waiting}) &');",
    "process": "import multiprocessing\nmultiprocessing.get_context('fork').Process(target=speak_when_asked).start()",
    "fork": "import os\nif not os.fork():\n    speak_when_asked()\n    os._exit(0)",
}
"""The same, as a process."""


@pytest.mark.parametrize("started", [*YOURS, *(pytest.param(name, marks=posix) for name in YOURS_IN_PROCESSES)])
@pytest.mark.parametrize("in_batch", [False, True], ids=["in a front end", "in batch"])
def test_what_a_cell_starts_itself_speaks_in_that_cell(kernel: KernelDriver, started: str, in_batch: bool) -> None:
    """In a batch run it speaks in the cell that runs then: the client drops what comes for an earlier one."""
    kernel.execute(
        "go, said, path = threading.Event(), threading.Event(), pathlib.Path('asked')\n"
        "def speak():\n    go.wait(10)\n    print('said')\n    said.set()\n"
        "def speak_when_asked():\n    while not path.exists(): time.sleep(0.01)\n    print('said', flush=True)\n"
        "    path.unlink()\n"
        "waiting = 'while [ ! -e asked ]; do sleep 0.01; done; echo said; rm asked'"
    ).ok()
    cell = kernel.start((YOURS | YOURS_IN_PROCESSES)[started], allow_stdin=not in_batch)
    assert kernel.finish(cell).ok().text() == ""
    ask = "go.set(); said.wait(10)" if started in YOURS else "path.touch()\nwhile path.exists(): time.sleep(0.01)"
    other = kernel.start(f"{ask}\nprint('asked')")
    if in_batch:
        assert kernel.finish(other).ok().text() == "said\nasked\n"
    else:
        kernel.wait_printed(cell, "said")
        assert kernel.finish(other).ok().text() == "asked\n"


def test_in_a_batch_run_so_do_displays_and_tasks(kernel: KernelDriver) -> None:
    start = {
        "asyncio": "event = asyncio.Event()\ntask = asyncio.ensure_future(speak())",
        "trio": "event = trio.Event()\nnursery = await trio.open_nursery().__aenter__()\nnursery.start_soon(speak)",
    }[kernel.library]
    kernel.execute(
        f"import {kernel.library}\nasync def speak():\n"
        "    await event.wait()\n    print('said')\n    shown.update('changed')\n    display('displayed')\n"
        f"shown = display('first', display_id='shown')\n{start}"
    ).ok()
    cell = kernel.execute(f"event.set()\nawait {kernel.library}.sleep(0.1)").ok()
    assert cell.text() == "said\n"
    shown = [
        content["data"]["text/plain"]
        for name in ("update_display_data", "display_data")
        for content in cell.contents(name)
    ]
    assert shown == ["'changed'", "'displayed'"]


@posix
def test_a_shell_that_the_loop_has_started_speaks_where_it_is_used(kernel: KernelDriver) -> None:
    start = {
        "asyncio": "shell = await asyncio.create_subprocess_exec('sh', stdin=asyncio.subprocess.PIPE)\n"
        "async def send(line): shell.stdin.write(line)",
        "trio": "import subprocess\nnursery = await trio.open_nursery().__aenter__()\n"
        "shell = await nursery.start(lambda task_status: trio.run_process("
        "['sh'], stdin=subprocess.PIPE, task_status=task_status))\n"
        "async def send(line): await shell.stdin.send_all(line)",
    }[kernel.library]
    kernel.execute(
        f"import pathlib, {kernel.library}\n{start}\nasync def say(word):\n"
        "    there = pathlib.Path('said by a shell ' + word)\n"
        "    await send(f'echo {word}; : > \"{there}\"\\n'.encode())\n"
        f"    while not there.exists(): await {kernel.library}.sleep(0.01)\nawait say('made')"
    ).ok()
    for word in ("one", "two"):
        assert kernel.execute(f"await say({word!r})").ok().text() == f"{word}\n"
    kernel.execute("await send(b'exit\\n')").ok()


def test_while_no_cell_runs_it_is_the_latest_cell_that_is_spoken_in(kernel: KernelDriver) -> None:
    kernel.execute("from multiprocessing.pool import ThreadPool\npool, go = ThreadPool(1), threading.Event()").ok()
    cell = kernel.start("pool.apply_async(lambda: (go.wait(10), print('late')));")
    kernel.finish(cell).ok()
    kernel.execute("go.set()", silent=True)  # a look into the kernel by a front end, which nobody is shown
    kernel.wait_printed(cell, "late")


def test_what_is_captured_is_not_for_ever(kernel: KernelDriver) -> None:
    kernel.execute("%%capture kept\nfrom multiprocessing.pool import ThreadPool\npool = ThreadPool(1)").ok()
    assert kernel.execute("pool.map(print, ['later']);").ok().text() == "later\n"


@posix
def test_a_pool_of_a_subshell_stays_there(kernel: KernelDriver) -> None:
    subshell = kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]
    header = {"subshell_id": subshell}
    make, use = IN_PROCESSES["Pool"]
    kernel.execute(make, header=header).ok()
    gate, open_gate = kernel.gate()
    main = kernel.start(gate)
    assert kernel.execute(use.format(word="there"), header=header).ok().text() == "there\n"
    open_gate()
    assert kernel.finish(main).ok().text() == ""
    kernel.execute("pool.terminate()", header=header).ok()
    kernel.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")


@posix
def test_nothing_of_it_is_lost_in_a_batch_run(specs: Mapping[str, str], tmp_path: Path) -> None:
    """nbclient, which papermill and nbconvert are made of, drops what comes for a cell that has ended. On one backend:
    what nbclient does is the same on all."""
    (tmp_path / "printing.py").write_text("def print_it(word):\n    print(word, flush=True)\n")
    sources = [f"import pathlib, sys, threading, time\nfrom printing import print_it\n{WORK}"]
    used: dict[int, str] = {}
    for name, (make, use) in (IN_THREADS | IN_PROCESSES).items():
        used[len(sources) + 1] = name
        sources += [make, use.format(word=name)]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = nbclient.NotebookClient(
        notebook, kernel_name=specs["asyncio"], timeout=60, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    texts = {name: "".join(out.get("text", "") for out in cells[number].outputs) for number, name in used.items()}
    assert texts == {name: f"{name}\n" for name in used.values()}
