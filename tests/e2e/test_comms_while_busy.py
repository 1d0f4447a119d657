"""Comm messages and questions while a cell runs: answered beside it, each where it belongs, in the right thread."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from .conftest import StartKernel
from .driver import KernelDriver, Message

SETUP = """
import comm, threading, time
gate, heard = threading.Event(), []
home = threading.current_thread()

def target(channel, message):
    @channel.on_msg
    def listen(message):
        code = message["content"]["data"]
        heard.append((code, threading.current_thread() is home))
        exec(code, globals())
        channel.send(code)

comm.get_comm_manager().register_target("run", target)
"""

HOLD = "print('in')\nwhile not gate.is_set(): {}\nprint('out')"


class Busy:
    """A comm whose messages are code to run, and a cell that is held as long as it takes, by what a test wants."""

    def __init__(self, kernel: KernelDriver) -> None:
        self.kernel = kernel
        self.comm_id = uuid4().hex
        self.cell = ""
        kernel.execute(SETUP).ok()
        content = {"comm_id": self.comm_id, "target_name": "run", "data": {}}
        kernel.published(kernel.send("comm_open", content))

    def hold(self, how: str) -> None:
        """Start the cell: it "awaits", "sleeps" or "computes" until it is told to end."""
        self.kernel.execute("gate.clear(); heard.clear()").ok()
        step = {
            "awaits": f"await {self.kernel.library}.sleep(0.01)",
            "sleeps": "time.sleep(0.01)",
            "computes": "pass",
        }[how]
        self.cell = self.kernel.start_until_printed(f"import {self.kernel.library}\n{HOLD.format(step)}", "in")

    def send(self, code: str) -> str:
        """Send code to be run by the comm's callback; return the id of the message."""
        return self.kernel.send("comm_msg", {"comm_id": self.comm_id, "data": code})

    def run(self, code: str) -> list[Message]:
        """Run code in the comm's callback; return what was published for it."""
        return self.kernel.published(self.send(code))

    def end(self) -> str:
        """Let the cell go; return what it has printed since it was held, once it is done."""
        self.run("gate.set()")
        return self.kernel.finish(self.cell).ok().text()


@pytest.fixture
def busy(kernel: KernelDriver) -> Busy:
    return Busy(kernel)


@pytest.fixture
def patient(kernel: KernelDriver, peer: str, how: str) -> Iterator[None]:
    """Where the cell awaits, the thread leaves messages to the loop, however late a busy machine makes that."""
    if how != "awaits" or peer:
        yield
        return
    kernel.execute("from async_kernel.kernel import comm_line; patience = comm_line.PATIENCE").ok()
    kernel.execute("comm_line.PATIENCE = 20").ok()
    yield
    kernel.execute("comm_line.PATIENCE = patience").ok()


def texts(published: list[Message], name: str = "stdout") -> str:
    contents = [message["content"] for message in published if message["msg_type"] == "stream"]
    return "".join(content["text"] for content in contents if content["name"] == name)


def types(published: list[Message]) -> list[str]:
    """What was published, neighbouring texts as one: beside a cell that computes, a print may take a while."""
    every = [m["content"].get("execution_state", m["msg_type"]) for m in published]
    return [one for number, one in enumerate(every) if one != "stream" or every[number - 1] != "stream"]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", ["awaits", "sleeps", "computes"])
def test_a_callback_runs_while_a_cell_does_and_its_output_is_its_own(busy: Busy, how: str) -> None:
    busy.hold(how)
    for number in range(3):
        code = f"print({number}); display({number})"
        assert types(busy.run(code)) == ["busy", "stream", "display_data", "comm_msg", "idle"]
    assert busy.end() == "out\n"
    threads = busy.kernel.value("[at_home for _, at_home in heard]")
    assert set(threads) == {how == "awaits"}


@pytest.mark.parametrize("how", ["awaits", "sleeps"])
def test_many_messages_come_in_order(busy: Busy, how: str) -> None:
    busy.hold(how)
    sent = [busy.send(f"number = {number}") for number in range(30)]
    for msg_id in sent:
        busy.kernel.published(msg_id)
    busy.end()
    codes = busy.kernel.value("[code for code, _ in heard]")
    assert codes == [*(f"number = {number}" for number in range(30)), "gate.set()"]


def test_a_comm_of_the_running_cell_is_heard_in_it(kernel: KernelDriver) -> None:
    code = (
        "import comm, time\ngot = []\nmine = comm.create_comm(target_name='mine')\n"
        "mine.on_msg(lambda message: got.append(message['content']['data']))\n"
        "while not got: time.sleep(0.01)\nprint(got)"
    )
    msg_id = kernel.start(code)
    opening = kernel.publication(msg_id, lambda message: message["msg_type"] == "comm_open")[-1]
    comm_id = opening["content"]["comm_id"]
    kernel.published(kernel.send("comm_msg", {"comm_id": comm_id, "data": "hello"}))
    assert kernel.finish(msg_id).ok().text() == "['hello']\n"


def test_a_comm_that_a_queued_cell_opens_gets_its_messages_after_it(kernel: KernelDriver) -> None:
    hold, let_go = kernel.gate()
    held = kernel.start_until_printed(f"print('in')\n{hold}", "in")
    opens = kernel.start(
        "import comm\ngot = []\nmine = comm.create_comm(target_name='mine', comm_id='agreed')\n"
        "mine.on_msg(lambda message: got.append(message['content']['data']))"
    )
    msg_id = kernel.send("comm_msg", {"comm_id": "agreed", "data": "hello"})
    let_go()
    kernel.finish(held).ok()
    kernel.finish(opens).ok()
    kernel.published(msg_id)
    assert kernel.value("got") == ["hello"]
    kernel.execute("mine.close()").ok()


def test_a_future_that_a_callback_sets_ends_the_await_of_the_cell(busy: Busy) -> None:
    library = busy.kernel.library
    event = {"trio": "trio.Event()", "asyncio": "asyncio.Event()"}[library]
    cell = busy.kernel.start_until_printed(f"import {library}\nevent = {event}\nprint('in')\nawait event.wait()", "in")
    busy.run("event.set()")
    busy.kernel.finish(cell).ok()


@pytest.mark.parametrize("how", ["awaits", "sleeps"])
def test_a_callback_that_fails_is_shown_and_the_next_runs(busy: Busy, how: str) -> None:
    busy.hold(how)
    assert "ZeroDivisionError" in texts(busy.run("1 / 0"), "stderr")
    assert types(busy.run("pass")) == ["busy", "comm_msg", "idle"]
    assert busy.end() == "out\n"


def test_a_subshell_is_busy_on_its_own(busy: Busy) -> None:
    kernel = busy.kernel
    subshell = kernel.request("create_subshell_request", channel="control")["content"]["subshell_id"]
    header = {"subshell_id": subshell}
    held = kernel.start_until_printed("print('in')\nwhile not gate.is_set(): time.sleep(0.01)", "in", header=header)
    msg_id = kernel.send("comm_msg", {"comm_id": busy.comm_id, "data": "print('sub')"}, header=header)
    assert texts(kernel.published(msg_id)) == "sub\n"
    kernel.execute("gate.set()").ok()
    kernel.finish(held).ok()
    kernel.request("delete_subshell_request", {"subshell_id": subshell}, channel="control")


# Interrupts


@pytest.mark.parametrize("how", ["awaits", "sleeps"])
def test_an_interrupt_ends_the_cell_and_spares_a_callback_beside_it(busy: Busy, how: str) -> None:
    busy.hold(how)
    wait = "print('callback'); [time.sleep(0.01) for _ in range(40)]; print('whole')"
    if how == "awaits":  # what keeps the loop from the cell for long is ended too
        wait = "print('callback'); print('whole')"
    msg_id = busy.send(wait)
    busy.kernel.wait_printed(msg_id, "callback")
    busy.kernel.send("interrupt_request", channel="control")
    assert busy.kernel.finish(busy.cell).reply["ename"] == "KeyboardInterrupt"
    assert "KeyboardInterrupt" not in texts(busy.kernel.published(msg_id), "stderr")
    busy.kernel.execute("1").ok()


@pytest.mark.parametrize(
    "hang", ["while True: pass", "time.sleep(60)", "threading.Lock().acquire() and time.sleep(60)"]
)
@pytest.mark.parametrize("how", ["awaits", "sleeps", ""])
def test_a_callback_that_hangs_is_ended_by_interrupts(busy: Busy, how: str, hang: str) -> None:
    """The first is for the cell; a callback that keeps the kernel from going on is for the next."""
    kernel = busy.kernel
    if how:
        busy.hold(how)
    msg_id = busy.send(f"print('callback')\n{hang}")
    kernel.wait_printed(msg_id, "callback")
    if how:
        kernel.send("interrupt_request", channel="control")
        assert kernel.finish(busy.cell).reply["ename"] == "KeyboardInterrupt"
    if how == "awaits":  # the first has ended the callback, too, and this one is not for what follows
        kernel.request("interrupt_request", channel="control")
    following = kernel.start("'next'")
    if how != "awaits":
        kernel.send("interrupt_request", channel="control")
    assert kernel.finish(following).ok().result == "'next'"
    kernel.published(msg_id)


# The switch


@pytest.fixture
def without_thread(start_kernel: StartKernel, backend: str) -> Busy:
    return Busy(start_kernel(backend, arguments=["--no-kernel.comms_in_thread"]))


def test_without_the_thread_messages_wait_for_a_cell_that_blocks(without_thread: Busy) -> None:
    kernel = without_thread.kernel
    without_thread.hold("awaits")
    assert texts(without_thread.run("print('beside')")) == "beside\n"
    without_thread.end()
    hold, let_go = kernel.gate()
    cell = kernel.start_until_printed(f"print('in')\n{hold}print(heard[-1][0])", "in")
    msg_id = without_thread.send("print('after')")
    let_go()
    assert kernel.finish(cell).ok().text() == "gate.set()\n"
    assert texts(kernel.published(msg_id)) == "after\n"
    assert set(kernel.value("[at_home for _, at_home in heard]")) == {True}


# ipywidgets

WIDGETS = """
import ipywidgets, threading, time
from IPython.display import display
button, slider, out = ipywidgets.Button(), ipywidgets.IntSlider(), ipywidgets.Output()
mirror = ipywidgets.IntText()
link = ipywidgets.jslink((slider, "value"), (mirror, "value"))
clicks, values = [], []

@button.on_click
def clicked(button):
    clicks.append(threading.current_thread() is home)
    print("clicked")
    with out:
        print("captured")
    slider.value = 7

slider.observe(lambda change: values.append(change.new), "value")
home = threading.current_thread()
ids = [one.model_id for one in (button, slider, out, link)]
"""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", ["awaits", "sleeps"])
def test_widgets_of_ipywidgets_live_while_a_cell_runs(kernel: KernelDriver, how: str) -> None:
    kernel.execute(WIDGETS).ok()
    button, slider, out, _link = kernel.value("ids")
    step = f"await {kernel.library}.sleep(0.01)" if how == "awaits" else "time.sleep(0.01)"
    code = f"import {kernel.library}\nprint('in')\nwhile len(clicks) < 2 or not values[1:]: {step}\nprint('out')"
    cell = kernel.start_until_printed(code, "in")
    for _ in range(2):
        data: dict[str, Any] = {"method": "custom", "content": {"event": "click"}}
        msg_id = kernel.send("comm_msg", {"comm_id": button, "data": data})
        published = kernel.published(msg_id)
        assert texts(published) == "clicked\ncaptured\n"
        states = [
            (message["content"]["comm_id"], message["content"]["data"].get("state", {}))
            for message in published
            if message["msg_type"] == "comm_msg"
        ]
        captures = [state["msg_id"] for comm_id, state in states if comm_id == out and "msg_id" in state]
        assert captures == [msg_id, ""], "front ends put what comes in between into the widget"
    state = {"method": "update", "state": {"value": 12}, "buffer_paths": []}
    published = kernel.published(kernel.send("comm_msg", {"comm_id": slider, "data": state}))
    assert "error" not in types(published), json.dumps(published, default=str)
    assert kernel.finish(cell).ok().text() == "out\n"
    assert kernel.value("values") == [7, 12]
    assert kernel.value("slider.value") == 12
    assert set(kernel.value("clicks")) == {how == "awaits"}


POLLS = {
    "a loop": "run_ui_poll_loop(lambda: True if len(clicks) == 2 else None)",
    "steps": "with ui_events() as poll:\n    while len(clicks) < 2:\n        poll(5)\n        time.sleep(0.01)",
    "items": "for _ in with_ui_events(range(100_000)):\n    time.sleep(0.01)\n    if len(clicks) == 2: break",
    "awaited steps": "async with ui_events() as poll:\n    while len(clicks) < 2:\n        await poll()\n"
    "        await lib.sleep(0.01)",
}
"""Ways in which jupyter_ui_poll has widgets served while a cell runs."""


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("how", POLLS)
def test_a_button_is_heard_while_jupyter_ui_poll_polls(kernel: KernelDriver, how: str) -> None:
    """It puts a handler into the kernel that holds back the cells behind, which here wait for their turn anyway."""
    if kernel.backend == "trio" and sys.version_info >= (3, 14):
        pytest.skip("it asks for asyncio's loop, which from Python 3.14 on is an error where there is none")
    kernel.execute(WIDGETS).ok()
    button = kernel.value("ids")[0]
    imports = f"from jupyter_ui_poll import *\nimport time, {kernel.library} as lib"
    code = f"{imports}\nprint('in')\n{POLLS[how]}\nprint('out')"
    cell = kernel.start_until_printed(code, "in")
    behind = kernel.start("len(clicks)")
    for _ in range(2):
        data = {"method": "custom", "content": {"event": "click"}}
        assert texts(kernel.published(kernel.send("comm_msg", {"comm_id": button, "data": data}))).startswith("clicked")
    assert kernel.finish(cell).ok().text() == "out\n"
    assert kernel.finish(behind).ok().result == "2"
    assert kernel.execute("len(clicks)").ok().result == "2"
