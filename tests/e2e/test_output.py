"""What cells show: text, rich displays, figures, commands, and what outlives a cell; none of it lost."""

from __future__ import annotations

import base64
import json
import platform
import time
from itertools import groupby

import pytest

from .driver import DEADLINE, Cell, KernelDriver, Message, is_idle


def test_stdout_and_stderr_keep_their_order_and_names(kernel: KernelDriver) -> None:
    cell = kernel.execute("import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')\n'd'").ok()
    shown = [m["content"] for m in cell.published if m["msg_type"] in {"stream", "execute_result"}]
    groups = groupby(shown, lambda content: content.get("name", "result"))  # a line may come in two messages
    texts = [(name, "".join(content.get("text", "") for content in group)) for name, group in groups]
    assert texts == [("stdout", "a\n"), ("stderr", "b\n"), ("stdout", "c\n"), ("result", "")]


def test_the_first_line_is_seen_while_the_cell_runs(kernel: KernelDriver) -> None:
    running = kernel.start("import time\nprint('at once')\nwhile not 'answered' in globals(): time.sleep(0.01)\n'end'")
    kernel.wait_printed(running, "at once")
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(running).reply["ename"] == "KeyboardInterrupt"


def test_display_update_and_clear(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "from IPython.display import display, clear_output, HTML\n"
        "handle = display(HTML('<b>one</b>'), display_id=True)\n"
        "handle.update(HTML('<b>two</b>'))\n"
        "clear_output(wait=True)\n"
        "display({'text/plain': 'raw'}, raw=True, metadata={'a': 1}, transient={'t': 2})"
    ).ok()
    first, raw = cell.contents("display_data")
    [update] = cell.contents("update_display_data")
    assert first["data"]["text/html"] == "<b>one</b>"
    assert update["data"]["text/html"] == "<b>two</b>"
    assert first["transient"]["display_id"] == update["transient"]["display_id"]
    assert cell.contents("clear_output") == [{"wait": True}]
    assert raw["data"] == {"text/plain": "raw"}
    assert raw["metadata"] == {"a": 1}


def test_rich_results_have_their_mime_types(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "class Rich:\n    def _repr_html_(self): return '<i>rich</i>'\n    def _repr_png_(self): return b'\\x89PNG'\n"
        "    def __repr__(self): return 'plain'\nRich()"
    ).ok()
    [result] = cell.contents("execute_result")
    assert result["data"]["text/html"] == "<i>rich</i>"
    assert result["data"]["text/plain"] == "plain"
    assert base64.b64decode(result["data"]["image/png"]) == b"\x89PNG"


def test_out_and_underscore_hold_results(kernel: KernelDriver) -> None:
    kernel.execute("'kept'").ok()
    assert kernel.execute("_").ok().result == "'kept'"
    assert kernel.execute("1;").ok().result is None


def test_shell_commands_show_their_output(kernel: KernelDriver) -> None:
    assert kernel.execute("!echo shown").ok().text().splitlines() == ["shown"]
    assert kernel.execute("lines = !echo caught; echo twice\nprint(list(lines))").ok().text() == "['caught', 'twice']\n"
    assert kernel.execute("%%bash\necho from bash").ok().text() == "from bash\n"


def test_magics_that_show_and_capture(kernel: KernelDriver) -> None:
    assert kernel.execute("%%capture caught\nprint('inside'); 1").ok().text() == ""
    assert kernel.value("caught.stdout") == "inside\n"
    assert "Wall time" in kernel.execute("%time sum(range(10))").ok().text()
    cell = kernel.execute("%%writefile written.txt\ntext").ok()
    assert "written.txt" in cell.text()
    assert (kernel.folder / "written.txt").read_text() == "text\n"
    assert kernel.execute("%no_such_magic").contents("error") or "not found" in kernel.execute("%no_such_magic").text(
        "stderr"
    )


def test_figures_are_shown_inline(kernel: KernelDriver) -> None:
    """With and without the magic; a kernel's figures are inline unless something else was asked for."""
    for first in ("", "%matplotlib inline\n"):
        cell = kernel.execute(first + "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2]);", seconds=60).ok()
        [figure] = [content["data"] for content in cell.contents("display_data")]
        assert base64.b64decode(figure["image/png"]).startswith(b"\x89PNG\r\n")
        assert "Figure" in figure["text/plain"]


def test_a_warning_goes_to_stderr_with_the_line_of_the_cell(kernel: KernelDriver) -> None:
    cell = kernel.execute("import warnings\nwarnings.warn('careful')").ok()
    assert "UserWarning: careful" in cell.text("stderr")
    assert "warnings.warn('careful')" in cell.text("stderr")


def test_logging_is_shown(kernel: KernelDriver) -> None:
    cell = kernel.execute("import logging; logging.getLogger('a').warning('logged')").ok()
    assert "logged" in cell.text("stderr")


def test_text_of_a_thread_arrives_before_it_is_joined(kernel: KernelDriver) -> None:
    cell = kernel.execute(
        "import threading\nt = threading.Thread(target=print, args=('threaded',))\nt.start(); t.join()"
    )
    assert cell.ok().text() == "threaded\n"


def test_every_display_reaches_a_slow_reader(kernel: KernelDriver) -> None:
    """5000 messages that cannot be joined are more than the buffers of both sockets hold by default."""
    running = kernel.start("from IPython.display import display\nfor n in range(5000): display(n)")
    kernel.reply(running, seconds=60)
    cell = Cell({"content": {}}, read_slowly(kernel, running))
    assert [content["data"]["text/plain"] for content in cell.contents("display_data")] == [str(n) for n in range(5000)]


def test_100_000_prints_to_a_slow_reader_lose_nothing_and_end_in_idle(kernel: KernelDriver) -> None:
    running = kernel.start("for n in range(100_000): print('line', n)")
    kernel.reply(running, seconds=60)
    cell = Cell({"content": {}}, read_slowly(kernel, running))
    assert cell.text() == "".join(f"line {n}\n" for n in range(100_000))
    assert is_idle(cell.published[-1])
    assert kernel.execute("'well'").ok().result == "'well'"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do as they do: see system/heap.py")
def test_megabytes_of_text_take_no_new_memory_each(kernel: KernelDriver) -> None:
    """A megabyte is 244 pages. Each copy of it on its way out once took them anew: 530 to 750 for each megabyte."""
    kernel.execute(
        "import resource, sys\n"
        "def pages(count):\n"
        "    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    for _ in range(count): sys.stdout.write('x' * 999_999 + '\\n')\n"
        "    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // count\n"
    ).ok()
    kernel.execute("pages(20)").ok()
    assert kernel.value("pages(20)") < 100


def read_slowly(kernel: KernelDriver, msg_id: str) -> list[Message]:
    """What was published for a request, read by a client that pauses after every message."""
    messages: list[Message] = []
    while not messages or not is_idle(messages[-1]):
        message = kernel.receive("iopub", DEADLINE)
        if message["parent_header"].get("msg_id") == msg_id:
            messages.append(message)
        time.sleep(0.001)
    return messages


def test_notebook_exports_what_cells_have_shown(kernel: KernelDriver) -> None:
    sources = [
        "import os, sys\nprint('printed')\nprint('warned', file=sys.stderr)\ndisplay('shown')\n"
        "print('after')\n'result'",
        "os.system('echo child')\nos.write(1, b'descriptor\\n');",
        f"import {kernel.library}\nprint('before')\nawait {kernel.library}.sleep(0)\nprint('behind')",
        "for n in range(20_000): print(n)",
        "get_ipython().run_cell('print(1); 2', store_history=True);",
        "with __import__('IPython.utils.capture').utils.capture.capture_output(): print('captured')",
        "1 / 0",
    ]
    before = kernel.value("get_ipython().execution_count")
    for source in sources:
        kernel.execute(source)
    path = kernel.folder / "exported.ipynb"
    kernel.execute(f"%notebook {path}").ok()
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["execution_count"] >= before]

    def text_of(output: dict[str, object]) -> object:
        data = output.get("data") or {}
        text = output.get("text") or (data.get("text/plain") if isinstance(data, dict) else "")
        return "".join(text) if isinstance(text, list) else output.get("ename")

    shown = [
        [
            (kind, "".join(str(text_of(one)) for one in group))
            for kind, group in groupby(cell["outputs"], lambda one: one.get("name") or one["output_type"])
        ]
        for cell in cells
    ]
    assert shown == [
        [
            ("stdout", "printed\n"),
            ("stderr", "warned\n"),
            ("display_data", "'shown'"),
            ("stdout", "after\n"),
            ("execute_result", "'result'"),
        ],
        [("stdout", "child\ndescriptor\n")],
        [("stdout", "before\nbehind\n")],
        [("stdout", "".join(f"{n}\n" for n in range(20_000)))],
        [("stdout", "1\n")],
        [("execute_result", "2")],
        [],
        [("error", "ZeroDivisionError")],
    ]


def test_results_stand_under_the_numbers_of_their_inputs(kernel: KernelDriver) -> None:
    (kernel.folder / "lines.ipy").write_text("40\nprint('in a file')\n")
    first = kernel.value("get_ipython().execution_count")
    codes = [
        "6 * 7",
        f"%rerun {first}",
        "get_ipython().run_cell('50', store_history=True); 60",
        "%run lines.ipy",
        "'end'",
    ]
    counts = [kernel.execute(code).ok().reply["execution_count"] - first for code in codes]
    assert counts == [0, 1, 2, 4, 5]
    kept = kernel.value(
        f"[(get_ipython().history_manager.input_hist_raw[n], Out.get(n)) for n in range({first}, {first} + 6)]"
    )
    assert kept == [(codes[0], 42), (codes[1], 42), (codes[2], 60), ("50", 50), (codes[3], None), (codes[4], "end")]


def test_a_short_cell_prints_one_message(kernel: KernelDriver) -> None:
    """Else a notebook that is run again and compared has changed. The text leaves with the reply of its cell, and
    before a display, however long it would wait for more."""
    kernel.execute(
        "from async_kernel.transport import outbox\noutbox.LINE_SECONDS = outbox.GATHER_SECONDS = 3600.0"
    ).ok()
    for _ in range(3):
        cell = kernel.execute("for i in range(10): print(i)").ok()
        assert [content["text"] for content in cell.contents("stream")] == ["".join(f"{i}\n" for i in range(10))]
    cell = kernel.execute("print(1)\nprint(2)\ndisplay(3)\nprint(4)\nprint(5, end='')").ok()
    shown = [m["content"].get("text", "display") for m in cell.published if m["msg_type"] in ("stream", "display_data")]
    assert shown == ["1\n2\n", "display", "4\n5"]
