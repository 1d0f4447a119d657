"""input() and getpass() ask the front end that sent the cell, if it allows that (messaging spec, "stdin")."""

from __future__ import annotations

import pytest

from .driver import KernelDriver, Message


def answer(kernel: KernelDriver, value: str | None) -> Message:
    """Answer the next question with `value` and return it."""
    question = kernel.receive("stdin")
    assert question["msg_type"] == "input_request"
    kernel.send("input_reply", {"value": value, "status": "ok"}, channel="stdin", parent=question)
    return question


def test_input_asks_and_returns_what_was_typed(kernel: KernelDriver) -> None:
    cell = kernel.start("name = input('Who? '); print('Hello,', name)", allow_stdin=True)
    question = answer(kernel, "Ada 🦆")
    assert question["content"] == {"prompt": "Who? ", "password": False}
    assert question["parent_header"]["msg_id"] == cell
    assert kernel.finish(cell).ok().text() == "Hello, Ada 🦆\n"


def test_getpass_asks_for_a_password(kernel: KernelDriver) -> None:
    cell = kernel.start("from getpass import getpass; len(getpass('Secret: '))", allow_stdin=True)
    assert answer(kernel, "sesame")["content"] == {"prompt": "Secret: ", "password": True}
    assert kernel.finish(cell).ok().result == "6"


def test_input_without_a_prompt_and_several_in_a_row(kernel: KernelDriver) -> None:
    cell = kernel.start("[input(), input(2), input('third')]", allow_stdin=True)
    assert [answer(kernel, text)["content"]["prompt"] for text in "abc"] == ["", "2", "third"]
    assert kernel.finish(cell).ok().result == "['a', 'b', 'c']"


def test_what_was_printed_before_the_question_comes_before_it(kernel: KernelDriver) -> None:
    cell = kernel.start("print('first, this'); input('then? ')", allow_stdin=True)
    kernel.wait_printed(cell, "first, this")
    answer(kernel, "")
    kernel.finish(cell).ok()


@pytest.mark.parametrize("code", ["input('Who? ')", "from getpass import getpass; getpass()"])
def test_without_permission_a_question_is_a_clear_error(kernel: KernelDriver, code: str) -> None:
    cell = kernel.execute(code, allow_stdin=False)
    assert cell.status == "error"
    assert cell.reply["ename"] == "StdinNotImplementedError"
    assert "input" in cell.reply["evalue"]
    assert "front end" in cell.reply["evalue"] or "frontend" in cell.reply["evalue"]
    assert not kernel.socket("stdin").poll(0)


_REFUSED = "from IPython.core.error import StdinNotImplementedError\nfrom getpass import getpass\n"


@pytest.mark.parametrize("error", ["StdinNotImplementedError", "NotImplementedError"])
@pytest.mark.parametrize(
    "asks",
    [
        "input()",
        "getpass()",
        "__import__('concurrent.futures').futures.ThreadPoolExecutor().submit(input).result()",
        "__import__('cmd').Cmd().cmdloop()",
    ],
)
def test_a_refusal_is_the_error_that_code_for_ipython_catches(kernel: KernelDriver, asks: str, error: str) -> None:
    code = (
        f"{_REFUSED}def refused(ask):\n    try:\n        ask()\n    except {error} as error:\n"
        f"        print('refused', type(error).__name__)\nrefused(lambda: {asks})"
    )
    cell = kernel.execute(code, allow_stdin=False).ok()
    assert "refused StdinNotImplementedError\n" in cell.text()


@pytest.mark.parametrize("ask", ["input", "getpass"])
def test_the_end_of_input_is_an_eof_error(kernel: KernelDriver, ask: str) -> None:
    code = f"from getpass import getpass\ntry:\n    {ask}('? ')\nexcept EOFError:\n    print('ended')"
    cell = kernel.start(code, allow_stdin=True)
    answer(kernel, "\x04")
    assert kernel.finish(cell).ok().text() == "ended\n"


def test_an_answer_of_null_is_no_text(kernel: KernelDriver) -> None:
    cell = kernel.start("input('Who? ')", allow_stdin=True)
    answer(kernel, None)
    assert kernel.finish(cell).ok().result == "''"


def test_a_waiting_question_can_be_interrupted(kernel: KernelDriver) -> None:
    cell = kernel.start("input('Who? ')", allow_stdin=True)
    late = kernel.receive("stdin")
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    kernel.send("input_reply", {"value": "too late", "status": "ok"}, channel="stdin", parent=late)
    cell = kernel.start("input('Again? ')", allow_stdin=True)
    assert answer(kernel, "in time")["content"]["prompt"] == "Again? "
    assert kernel.finish(cell).ok().result == "'in time'"


CONSOLES = {
    "pdb.set_trace": "import pdb; pdb.set_trace()",
    "breakpoint": "breakpoint()\nprint('went', 'on')",
    "again and again": "for number in range(3): breakpoint()",
    "IPython's debugger": "from IPython.core.debugger import set_trace\nset_trace()\nprint('went', 'on')",
    "%debug": "%debug",
    "code.interact": "import code; code.interact()",
    "cmd": "import cmd\nwhile True:\n    try:\n        cmd.Cmd().cmdloop()\n    except KeyboardInterrupt:\n"
    "        print('went', 'on')",
    "a task": "import anyio\nasync def stop(): breakpoint(); print('went', 'on')\n"
    "async with anyio.create_task_group() as group: group.start_soon(stop)",
    "an inner loop": "import {library}\nasync def stop(): breakpoint(); print('went', 'on')\n"
    "{library}.run(stop if {library}.__name__ == 'trio' else stop())",
}
"""Cells in which a console of Python's asks. Most take KeyboardInterrupt in and ask again, or have the cell go on."""


@pytest.mark.parametrize("console", list(CONSOLES))
def test_an_interrupt_at_the_prompt_of_a_console_ends_the_cell(kernel: KernelDriver, console: str) -> None:
    if console == "%debug":
        assert kernel.execute("1 / 0").status == "error"
    code = CONSOLES[console].replace("{library}", kernel.library)
    cell = kernel.start(code, allow_stdin=True)
    kernel.receive("stdin")
    kernel.send("interrupt_request", channel="control")
    ended = kernel.finish(cell)
    assert ended.reply["ename"] == "KeyboardInterrupt"
    assert "went on" not in ended.text()
    assert kernel.execute("import sys; sys.gettrace()").ok().result is None


@pytest.mark.parametrize(
    "opening", ["import pdb; pdb.set_trace()", "breakpoint()", "breakpoint(header='here')", "import pdb; pdb.run('1')"]
)
def test_debuggers_are_those_of_ipython(kernel: KernelDriver, opening: str) -> None:
    cell = kernel.start(f"def stop(here):\n    {opening}\n    return here\nstop(1)", allow_stdin=True)
    assert answer(kernel, "where")["content"]["prompt"] == "ipdb> "
    answer(kernel, "quit")
    ended = kernel.finish(cell)
    assert ended.reply.get("ename", "BdbQuit") == "BdbQuit"  # which `pdb.run` catches
    assert "\x1b[" in ended.text()
    assert "async_kernel" not in ended.text()


def test_debuggers_derived_from_that_of_python_are_as_they_were(kernel: KernelDriver) -> None:
    code = "import pdb\nclass Mine(pdb.Pdb): pass\nMine().run('1')\nprint(isinstance(pdb.Pdb(), pdb.Pdb))"
    cell = kernel.start(code, allow_stdin=True)
    assert answer(kernel, "continue")["content"]["prompt"] == "(Pdb) "
    kernel.finish(cell).ok()


def test_finally_blocks_around_a_console_run(kernel: KernelDriver) -> None:
    cell = kernel.start("try:\n    breakpoint()\n    int()\nfinally:\n    print('tidied', 'up')", allow_stdin=True)
    kernel.receive("stdin")
    kernel.send("interrupt_request", channel="control")
    ended = kernel.finish(cell)
    assert ended.reply["ename"] == "KeyboardInterrupt"
    assert "tidied up\n" in ended.text()


def test_a_cell_whose_error_opens_the_debugger_has_failed_by_that_error(kernel: KernelDriver) -> None:
    kernel.execute("%pdb on").ok()
    cell = kernel.start("1 / 0", allow_stdin=True)
    kernel.receive("stdin")
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(cell).reply["ename"] == "ZeroDivisionError"
    kernel.execute("%pdb off").ok()


def test_what_a_debugger_lets_go_on_is_interrupted_like_any_cell(kernel: KernelDriver) -> None:
    # pdb's `continue` takes SIGINT, to ask again at Ctrl-C, and keeps it beyond the cell.
    cell = kernel.start("breakpoint()\nimport time; print('in'); time.sleep(60)", allow_stdin=True)
    answer(kernel, "continue")
    kernel.wait_printed(cell, "in")
    kernel.send("interrupt_request", channel="control")
    assert kernel.finish(cell).reply["ename"] == "KeyboardInterrupt"
    handler = kernel.execute("import signal; signal.getsignal(signal.SIGINT)").ok().result
    assert handler is not None
    assert "pdb" not in handler.lower()


def test_a_loop_of_a_cell_takes_in_one_interrupt_of_its_question(kernel: KernelDriver) -> None:
    loop = "while True:\n    try:\n        input('? ')\n    except KeyboardInterrupt:\n        print('caught')"
    cell = kernel.start(loop, allow_stdin=True)
    for _ in range(2):
        kernel.receive("stdin")
        kernel.send("interrupt_request", channel="control")
    ended = kernel.finish(cell)
    assert ended.reply["ename"] == "KeyboardInterrupt"
    assert ended.text() == "caught\n"


@pytest.mark.parametrize("asks", ["input()", "breakpoint()"])
def test_what_a_cell_has_left_behind_asks_until_it_is_interrupted(kernel: KernelDriver, asks: str) -> None:
    if kernel.library == "trio":
        leave = "import trio\nmanager = trio.open_nursery(); nursery = await manager.__aenter__()\n"
        start, end = "nursery.start_soon(later)", "await manager.__aexit__(None, None, None)"
    else:
        leave, start, end = "import asyncio\n", "task = asyncio.create_task(later())", "await task"
    code = f"{leave}async def later():\n    await {kernel.library}.sleep(0.1)\n    {asks}\n    return 1\n{start}"
    cell = kernel.start(code, allow_stdin=True)
    assert kernel.finish(cell).status == "ok"
    kernel.receive("stdin")
    kernel.send("interrupt_request", channel="control")
    assert kernel.execute("6 * 7").ok().result == "42"
    ended = kernel.execute(end)
    assert ended.reply["ename"] == ("BaseExceptionGroup" if kernel.library == "trio" else "KeyboardInterrupt")


def test_questions_are_answered_while_input_waits(kernel: KernelDriver) -> None:
    cell = kernel.start("input('Who? ')", allow_stdin=True)
    question = kernel.receive("stdin")
    assert kernel.request("kernel_info_request", channel="control")["content"]["status"] == "ok"
    kernel.send("input_reply", {"value": "x", "status": "ok"}, channel="stdin", parent=question)
    assert kernel.finish(cell).ok().result == "'x'"
