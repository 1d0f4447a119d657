"""Prompts: one at a time, each answered to whoever asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from async_kernel.kernel.prompts import Prompts
from async_kernel.protocol.messages import Header, Message
from async_kernel.protocol.names import Channel

from .harness import DEADLINE, Harness, Sent


class Client:
    """Asks in threads, and keeps the questions that were put."""

    def __init__(self) -> None:
        self.prompts = Prompts()
        self.put: list[str] = []
        self.answers: dict[str, object] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._change = threading.Condition()

    def ask(self, msg_id: str, request_id: str = "cell") -> None:
        """Ask in a thread of its own; return once the question is queued."""

        def work() -> None:
            try:
                self.answers[msg_id] = self.prompts.ask(msg_id, request_id, self._send)
            except KeyboardInterrupt:
                self.answers[msg_id] = KeyboardInterrupt

        before = len(self.prompts._queue)
        thread = self._threads[msg_id] = threading.Thread(target=work, daemon=True)
        thread.start()
        self.until(lambda: len(self.prompts._queue) > before)

    def _send(self, msg_id: str) -> None:
        with self._change:
            self.put.append(msg_id)
            self._change.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for `condition`."""
        with self._change:
            for _ in range(int(DEADLINE / 0.005)):
                if condition():
                    return
                self._change.wait(0.005)
        raise AssertionError("the condition did not come true")

    def has_put(self, number: int) -> bool:
        """Whether so many questions were put."""
        return len(self.put) == number

    def answer(self, value: object, asked: str = "") -> bool:
        """Send an input_reply, which may name what it answers."""
        parent = {"msg_id": asked} if asked else {}
        return self.prompts.answer(Message(Header("r", "input_reply"), b"{}", {"value": value}, {}, parent))

    def result(self, msg_id: str) -> object:
        """What the asker of a question got."""
        self._threads[msg_id].join(DEADLINE)
        return self.answers[msg_id]


def test_questions_are_put_one_after_another_and_answered_to_their_askers() -> None:
    client = Client()
    for number in range(4):
        client.ask(f"q{number}", f"cell {number}")
    for number in range(4):
        client.until(partial(client.has_put, number + 1))
        assert client.put[-1] == f"q{number}"
        assert client.answer(f"a{number}", f"q{number}" if number % 2 else "")
        assert client.result(f"q{number}") == f"a{number}"


def test_a_reply_that_names_another_question_is_stale() -> None:
    client = Client()
    client.ask("q1", "cell 1")
    client.ask("q2", "cell 2")
    assert not client.answer("late", "q0")
    assert not client.answer("early", "q2")
    assert client.answer("right", "cell 1"), "some clients name the cell"
    assert client.result("q1") == "right"
    client.until(lambda: client.put == ["q1", "q2"])
    assert client.answer("right too", "q2")
    assert client.result("q2") == "right too"


def test_a_second_reply_answers_nothing() -> None:
    client = Client()
    client.ask("q1")
    assert client.answer("one")
    assert not client.answer("two", "q1")
    assert client.result("q1") == "one"
    assert not client.answer("nobody asked")


def test_cancel_ends_the_questions_of_one_request() -> None:
    client = Client()
    client.ask("q1", "cell 1")
    client.ask("q2", "cell 2")
    client.ask("q3", "cell 1")
    assert not client.prompts.cancel("cell 4")
    assert client.prompts.cancel("cell 1", lambda: False)
    assert client.put == ["q1"], "not claimed, so nothing has happened"
    assert client.prompts.cancel("cell 1")
    assert client.result("q1") is KeyboardInterrupt
    assert client.result("q3") is KeyboardInterrupt
    assert not client.prompts.cancel("cell 1")
    client.until(lambda: client.put == ["q1", "q2"])
    assert client.answer("x", "q2")
    assert client.result("q2") == "x"


def test_cancel_ends_all_questions() -> None:
    client = Client()
    for number in range(3):
        client.ask(f"q{number}", f"cell {number}")
    client.prompts.cancel()
    assert [client.result(f"q{number}") for number in range(3)] == [KeyboardInterrupt] * 3
    assert client.put == ["q0"], "nobody is asked on behalf of what was cancelled"


def test_an_answer_that_is_no_text_becomes_text() -> None:
    client = Client()
    client.ask("q1")
    assert client.answer(7)
    assert client.result("q1") == "7"


def test_an_answer_of_null_is_the_empty_text() -> None:
    client = Client()
    client.ask("q1")
    assert client.answer(None)
    assert client.result("q1") == ""


# Through a kernel


def question(kernel: Harness, cell: str) -> Sent:
    """The question of a cell, once it was put."""
    kernel.wait(lambda sent: any(one.parent == cell and one.what == "input_request" for one in sent))
    (asked,) = [one for one in kernel.so_far(cell) if one.what == "input_request"]
    return asked


def test_a_cell_asks_its_client(kernel: Harness) -> None:
    cell = kernel.execute("ask name", allow_stdin=True)
    asked = question(kernel, cell)
    assert asked.channel is Channel.STDIN
    assert asked.message.identities == (b"client",)
    assert asked.message.content == {"prompt": "name", "password": False}
    parent = {"msg_id": asked.message.header.msg_id}
    kernel.send("input_reply", {"value": "stale"}, channel=Channel.STDIN, parent={"msg_id": "another"})
    kernel.send("input_reply", {"value": "Ada"}, channel=Channel.STDIN, parent=parent)
    assert kernel.reply(cell)["value"] == "Ada"


@pytest.mark.parametrize("allowed", [None, False, 0])
def test_a_cell_that_may_not_ask_is_told(kernel: Harness, allowed: object) -> None:
    cell = kernel.execute("ask name", allow_stdin=allowed)
    assert kernel.reply(cell)["ename"] == "StdinNotAllowedError"


def _asks(times: int, sent: Sequence[Sent]) -> bool:
    return sum(one.what == "input_request" for one in sent) == times


def test_two_shells_that_ask_get_their_own_answers(kernel: Harness) -> None:
    subshell = kernel.ask("create_subshell_request")["subshell_id"]
    cells = [kernel.execute(f"ask {shell}", allow_stdin=True, subshell_id=shell) for shell in (None, subshell)]
    answered: list[str] = []
    for turn in range(2):
        kernel.wait(partial(_asks, turn + 1))
        (asked,) = [one for one in kernel.transport.sent if one.what == "input_request" and one.parent not in answered]
        answered.append(asked.parent)
        kernel.send("input_reply", {"value": asked.message.content["prompt"]}, channel=Channel.STDIN)
    assert sorted(answered) == sorted(cells)
    assert [kernel.reply(cell)["value"] for cell in cells] == ["None", subshell]
