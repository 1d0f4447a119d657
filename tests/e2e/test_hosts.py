"""Kernels in the main loop of a GUI toolkit, started from specs as the reference writes them, with windows open.

Tk and Qt draw on a display of our own (Xvfb), Qt without a screen too ("qt offscreen"); each with asyncio and trio.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.loops.conftest import display, skip_without

from .driver import KernelDriver, plain, wait_until
from .test_startup import HIDE, assert_client_is_told, customised
from .windows import WINDOWS

__all__ = ["display"]

HOSTS = ("tk", "qt", "qt offscreen")
KERNELS = [(host, backend) for host in HOSTS for backend in ("asyncio", "trio")]

EXAMPLES = {
    "tk": ("--interface.host=tk",),
    "tk, trio": ("--interface.host=tk", "--backend=trio"),
    "qt": ("--interface.host=qt",),
    "qt, trio": ("--interface.host=qt", "--interface.backend=trio"),
    "qt, module": ("--interface.host=qt", "--interface.host_options={'module':'PySide6'}"),
    "host_class": ("--interface.host_options={'host_class':'hosts_of_mine.SlowHost'}",),
}
"""The examples of the reference. Its module PySide2 has no wheels for the Pythons that the project supports."""

SLOW_HOST = """
from async_kernel.loops.hosts.tk import TkHost

class SlowHost(TkHost):
    def run(self):
        print("mine runs", flush=True)
        super().run()
"""

Start = Callable[..., KernelDriver]


@pytest.fixture(scope="module")
def start_gui(home: Path, display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """`start_gui("tk", "--host=tk")` installs a spec with these options and starts a kernel from it, on the display.

    Each is closed at the end: it has to go by itself, with its windows open, with status 0 and nothing on stderr.
    """
    with ExitStack() as stack:

        def start(
            host: str, *options: str, ready: bool = True, env: dict[str, str | None] | None = None
        ) -> KernelDriver:
            skip_without("qt" if "qt" in host else "tk")
            folder = tmp_path_factory.mktemp("gui")
            name = folder.name
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "async_kernel",
                    "-a",
                    name,
                    f"--folder={home / 'jupyter' / 'kernels'}",
                    *options,
                ],
                check=True,
                capture_output=True,
                timeout=60,
            )
            kernel = KernelDriver(name, "trio" if any("trio" in option for option in options) else "asyncio", folder)
            (folder / "hosts_of_mine.py").write_text(SLOW_HOST)
            surroundings: dict[str, str | None] = {
                "DISPLAY": display,
                "WAYLAND_DISPLAY": None,
                "QT_QPA_PLATFORM": "offscreen" if "offscreen" in host else None,
                "QT_LOGGING_RULES": "qt.qpa.*=false",  # what a screen would have and offscreen has not
            }
            kernel.launch(env={**surroundings, **(env or {})})
            stack.callback(kernel.close)
            return kernel.wait_ready() if ready else kernel

        yield start


@pytest.fixture(scope="module", params=KERNELS, ids=", ".join)
def gui(request: pytest.FixtureRequest, start_gui: Start) -> Iterator[KernelDriver]:
    """A kernel of each host and backend, with a window open, that the tests share; `gui.host` is "tk" or "qt"."""
    host, backend = request.param
    kernel = start_gui(host, f"--host={host.partition(' ')[0]}", f"--backend={backend}")
    kernel.execute(WINDOWS[host.partition(" ")[0]]).ok()
    yield kernel
    wait_until_alive(kernel)
    kernel.close()


def wait_until_alive(kernel: KernelDriver) -> None:
    """Wait until the toolkit's timer has ticked ten times, as it does while nothing else happens."""
    seen = kernel.value("len(ticks)")
    wait_until(lambda: kernel.value("len(ticks)") > seen + 10, "ten ticks of the window's timer")


def interrupt(kernel: KernelDriver) -> None:
    """Send an interrupt_request."""
    kernel.send("interrupt_request", channel="control")


def wait_error(kernel: KernelDriver, msg_id: str, name: str) -> str:
    """Wait until an error called `name` was published for a cell, however long it has ended; its traceback."""
    [*_, message] = kernel.publication(msg_id, lambda m: m["content"].get("ename") == name, what=name)
    return plain("\n".join(message["content"]["traceback"]))


@pytest.mark.parametrize("options", EXAMPLES.values(), ids=EXAMPLES)
def test_the_examples_of_the_reference_serve_a_window(start_gui: Start, options: tuple[str, ...]) -> None:
    host = "qt" if "qt" in options[0] else "tk"
    kernel = start_gui(host, *options)
    kernel.execute(WINDOWS[host]).ok()
    wait_until_alive(kernel)
    if "SlowHost" in options[0]:
        assert "mine runs" in kernel.stderr()
        kernel.expects_stderr = True
    kernel.close()


def test_windows_live_while_a_cell_awaits_and_while_none_runs(gui: KernelDriver) -> None:
    wait_until_alive(gui)
    code = (
        f"import {gui.library}\nbefore = len(ticks)\nwhile len(ticks) < before + 20: await {gui.library}.sleep(0.001)"
    )
    gui.execute(code).ok()


def test_windows_live_while_a_cell_asks_for_input(gui: KernelDriver) -> None:
    header = {"subshell_id": gui.request("create_subshell_request", channel="control")["content"]["subshell_id"]}
    asking = gui.start("print(input('?'))", allow_stdin=True)
    question = gui.receive("stdin")
    seen = gui.value("len(ticks)", header=header)
    wait_until(lambda: gui.value("len(ticks)", header=header) > seen + 5, "five ticks of the window's timer")
    gui.send("input_reply", {"value": "yes"}, channel="stdin", parent=question)
    assert gui.finish(asking).ok().text() == "yes\n"
    gui.request("delete_subshell_request", header, channel="control")
    again = gui.start("print('begun'); input('?')", allow_stdin=True)
    gui.receive("stdin")
    interrupt(gui)
    assert gui.finish(again).reply["ename"] == "KeyboardInterrupt"


def test_callbacks_print_and_display_into_the_cell_that_made_them(gui: KernelDriver) -> None:
    making = gui.start("later(lambda: (print('printed'), display('displayed')), 100)", allow_stdin=True)
    assert gui.reply(making)["content"]["status"] == "ok"  # what the callback publishes may come before `idle`
    other = gui.execute(f"import {gui.library}; print('other'); await {gui.library}.sleep(0.2)").ok()
    assert other.text() == "other\n"
    assert other.contents("display_data") == []
    messages = gui.publication(making, lambda m: m["msg_type"] == "display_data", what="what the callback displays")
    assert "".join(m["content"].get("text", "") for m in messages) == "printed\n"
    assert messages[-1]["content"]["data"]["text/plain"] == "'displayed'"


def test_the_exception_of_a_callback_is_shown_in_its_cell(gui: KernelDriver) -> None:
    making = gui.start("def fail():\n    return 1 / 0\non_click(fail)", allow_stdin=True)
    gui.finish(making).ok()
    gui.execute("click()").ok()
    trace = wait_error(gui, making, "ZeroDivisionError")
    assert "return 1 / 0" in trace
    assert "async_kernel" not in trace
    wait_until_alive(gui)


def test_an_async_handler_of_a_button_runs_as_a_task(gui: KernelDriver) -> None:
    code = "import {0}\nasync def handler():\n    await {0}.sleep(0.01)\n    print('handled')\n    1 / 0"
    code = code.format(gui.library)
    making = gui.start(f"{code}\non_click(handler)", allow_stdin=True)
    gui.finish(making).ok()
    gui.execute("click()").ok()
    gui.wait_printed(making, "handled")
    wait_error(gui, making, "ZeroDivisionError")
    making = gui.start(f"{code}\nlater(handler)")
    assert gui.reply(making)["content"]["status"] == "ok"
    gui.wait_printed(making, "handled")
    wait_until_alive(gui)


def test_callbacks_may_start_tasks(gui: KernelDriver) -> None:
    start = "trio.lowlevel.spawn_system_task(work, context=contextvars.copy_context())"
    if gui.library == "asyncio":
        start = "asyncio.create_task(work())"
    work = f"async def work():\n    await {gui.library}.sleep(0.01)\n    print('worked')"
    begin = f"def begin():\n    global task\n    task = {start}"
    making = gui.start(f"import contextvars, {gui.library}\n{work}\n{begin}\nlater(begin)")
    assert gui.reply(making)["content"]["status"] == "ok"
    gui.wait_printed(making, "worked")


BLOCKED = {
    "blocking": "print('begun'); import time; time.sleep(60)",
    "computing": "print('begun')\nwhile True: pass",
    "awaiting": "print('begun'); import {library}; await {library}.sleep(60)",
    "modal dialog": "print('begun'); dialog(); print('behind')",
    "figures": "import matplotlib.pyplot as plt; plt.figure(); print('begun'); plt.show(block=True); print('behind')",
    "pause of figures": "import matplotlib.pyplot as plt; plt.figure(); print('begun'); plt.pause(60); print('behind')",
}


@pytest.mark.parametrize("code", BLOCKED.values(), ids=BLOCKED)
def test_an_interrupt_ends_a_cell(gui: KernelDriver, code: str) -> None:
    for _ in range(3):
        running = gui.start_until_printed(code.format(library=gui.library), "begun")
        interrupt(gui)
        cell = gui.finish(running)
        assert cell.reply["ename"] == "KeyboardInterrupt", plain("\n".join(cell.reply["traceback"]))
        assert "behind" not in cell.text()
    wait_until_alive(gui)
    gui.execute("import matplotlib.pyplot as plt; plt.close('all')").ok()


CALLBACKS = {
    "blocking": "print('begun'); import time; time.sleep(60)",
    "computing": "print('begun')\n    while True: pass",
    "printing": "print('begun')\n    while True: print('flood')",
    "modal dialog": "print('begun'); dialog(); print('behind')",
}


@pytest.mark.parametrize("code", CALLBACKS.values(), ids=CALLBACKS)
def test_an_interrupt_ends_a_callback_while_no_cell_runs(gui: KernelDriver, code: str) -> None:
    # Late enough that the cell has ended.
    making = gui.start(f"def callback():\n    {code}\nlater(callback, 100)")
    assert gui.reply(making)["content"]["status"] == "ok"
    gui.wait_printed(making, "begun")
    interrupt(gui)
    wait_error(gui, making, "KeyboardInterrupt")
    assert gui.execute("1 + 1").ok().result == "2"
    wait_until_alive(gui)


def test_an_interrupt_while_nothing_runs_hits_nothing(gui: KernelDriver) -> None:
    for _ in range(10):
        gui.request("interrupt_request", channel="control")
    assert gui.execute("1 + 1").ok().result == "2"
    wait_until_alive(gui)


def test_neither_quitting_nor_closing_the_last_window_ends_the_kernel(gui: KernelDriver) -> None:
    gui.execute("leave()").ok()
    wait_until_alive(gui)
    gui.execute("close()").ok()
    assert gui.execute("1 + 1").ok().result == "2"
    gui.execute(WINDOWS["tk" if gui.value("'tkinter' in globals()") else "qt"]).ok()
    wait_until_alive(gui)


COUNT_DRAWN = """
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
drawn = []
figure.canvas.mpl_connect("draw_event", lambda event: drawn.append(1))
"""

AWAIT_REDRAWS = """
import {library}
for number in range(10):  # more often than a window is drawn for being new
    before = len(drawn)
    axes.set_title(str(number))
    while len(drawn) == before: await {library}.sleep(0.01)
"""

AWAIT_REST = """
for _ in range(100):
    before = len(drawn)
    await {library}.sleep(0.1)
    if len(drawn) == before: break
else: raise AssertionError("drawing makes it draw again")
"""

SHOW = """
plt.show()
plt.show(block=False)
close_figures_later()
plt.show(block=True)
plt.get_fignums()
"""


def test_matplotlib_opens_windows_that_redraw_while_a_cell_awaits(gui: KernelDriver) -> None:
    awaiting = (AWAIT_REDRAWS + AWAIT_REST).format(library=gui.library)
    shown = gui.execute(COUNT_DRAWN + awaiting + SHOW).ok()
    assert shown.result == "[]"
    assert shown.contents("display_data") == []


def test_the_magics_of_gui_and_matplotlib(gui: KernelDriver) -> None:
    own = "tk" if gui.value("'tkinter' in globals()") else "qt"
    other = {"tk": "qt", "qt": "tk"}[own]
    for line in (f"%gui {own}", "%gui", f"%matplotlib {own}", "%matplotlib"):
        gui.execute(line).ok()
    assert gui.execute("import matplotlib.pyplot as plt; plt.get_backend()").ok().result == f"'{own}agg'"
    for line in (f"%gui {other}", f"%matplotlib {other}"):
        refused = gui.execute(line)
        assert refused.status == "error"
        assert f"--host={other}" in refused.reply["evalue"]
    change = "for _ in range(10): axes.set_title('more')\nprint(len(drawn))"
    inline = gui.execute(f"%matplotlib inline\n{COUNT_DRAWN}{change}").ok()
    assert inline.text() == "0\n"  # not at each change: inline draws once, when the cell has ended
    assert "image/png" in inline.contents("display_data")[-1]["data"]
    gui.execute(f"plt.close('all')\n%matplotlib {own}").ok()
    gui.execute(COUNT_DRAWN + AWAIT_REDRAWS.format(library=gui.library)).ok()
    gui.execute("plt.close('all')").ok()


def test_a_kernel_without_a_host_says_how_to_start_one(start_gui: Start) -> None:
    kernel = start_gui("none")
    for line in ("%gui tk", "%gui qt", "%matplotlib tk", "%matplotlib qt"):
        refused = kernel.execute(line)
        assert refused.status == "error"
        toolkit = line.rpartition(" ")[2]
        assert f"async-kernel -a async-{toolkit} --host={toolkit}" in refused.reply["evalue"]
    kernel.execute("%gui\n%gui none\n%matplotlib inline").ok()
    kernel.close()


ENDINGS = {
    "a modal dialog of a cell": "print('begun'); dialog()",
    "a modal dialog of a callback": "later(lambda: (print('begun'), dialog()))",
    "a hanging callback": "later(lambda: (print('begun'), __import__('time').sleep(60)))",
}


@pytest.mark.parametrize("code", ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("host", ["tk", "qt"])
def test_a_shutdown_ends(start_gui: Start, host: str, code: str) -> None:
    kernel = start_gui(host, f"--host={host}")
    kernel.execute(WINDOWS[host]).ok()
    kernel.start_until_printed(code, "begun")
    kernel.close()


UNABLE = {
    "tk, no display": (("--host=tk",), {"DISPLAY": None}, "DISPLAY"),
    "qt, no display": (("--host=qt",), {"DISPLAY": None}, "QT_QPA_PLATFORM"),
    "qt, a display that is gone": (("--host=qt",), {"DISPLAY": ":4711"}, "does not answer"),
    "qt, a module that is not installed": (
        ("--host=qt", "--host_options={'module':'PySide2'}"),
        {},
        "pip install",
    ),
}


@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows always have a display")
@pytest.mark.parametrize(("options", "env", "word"), UNABLE.values(), ids=UNABLE)
def test_a_host_that_cannot_start_is_told(
    start_gui: Start, options: tuple[str, ...], env: dict[str, str | None], word: str
) -> None:
    assert_client_is_told(start_gui("", *options, ready=False, env=env), word)


@pytest.mark.parametrize(("host", "hidden"), [("qt", "PySide6"), ("tk", "_tkinter")])
def test_a_toolkit_that_is_not_installed_is_told(start_gui: Start, tmp_path: Path, host: str, hidden: str) -> None:
    env = customised(tmp_path / "hide", HIDE.format(hidden=(hidden,)))
    assert_client_is_told(start_gui(host, f"--host={host}", ready=False, env=env), hidden)
