"""One client and one kernel: cells, questions, interrupts, restarts and a client that comes back, in any order.

Whatever the order: each request has one reply and one idle, output belongs to the cell that made it, and the counts of
cells go up by one.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any, ClassVar

import hypothesis
import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.needs.kernel import Kernel
from tests.needs.wire import Missed

from .kernels import SECONDS, ends, one_answer, subject

CELLS = {
    "prints": "print({word!r})",
    "prints a lot": "for _ in range(2000): print({word!r})",
    "prints later": "import threading\none = threading.Thread(target=print, args=[{word!r}]); one.start(); one.join()",
    "raises": "print({word!r})\nraise ValueError",
    "does not parse": "1 +* 1",
    "sleeps": "import time\nprint({word!r}); time.sleep(300)",
    "computes": "print({word!r})\nwhile True: pass",
    "awaits": "import {library}\nprint({word!r}); await {library}.sleep(300)",
    "takes one in": "import time\nprint({word!r})\ntry: time.sleep(300)\nexcept KeyboardInterrupt: pass",
}
HANGS = frozenset({"sleeps", "computes", "awaits", "takes one in"})

QUESTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "kernel_info_request": ("shell", {}),
    "complete_request": ("shell", {"code": "prin", "cursor_pos": 4}),
    "is_complete_request": ("shell", {"code": "1 +"}),
    "comm_info_request": ("shell", {}),
    "history_request": ("shell", {"hist_access_type": "tail", "n": 2}),
    "list_subshell_request": ("control", {}),
}


class Model(RuleBasedStateMachine):
    """What a client has sent, and what has to come of it."""

    loop: ClassVar[str]

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel(subject(self.loop))
        self.words = itertools.count()
        self.cells: dict[str, str] = {}  # the word of each cell that was sent
        self.hanging: list[str] = []
        self.questions: list[str] = []
        self.count = int(self.kernel.run("pass").reply.content["execution_count"])

    @rule(kind=st.sampled_from(sorted(CELLS)))
    def execute(self, kind: str) -> None:
        word = f"word {next(self.words)}."
        code = CELLS[kind].format(word=word, library="trio" if self.loop == "trio" else "asyncio")
        request = self.kernel.client.execute(code, stop_on_error=False)
        self.cells[request] = word
        if kind in HANGS:
            self.hanging.append(request)

    @rule(kind=st.sampled_from(sorted(QUESTIONS)))
    def ask(self, kind: str) -> None:
        channel, content = QUESTIONS[kind]
        self.questions.append(self.kernel.client.send(channel, kind, content))

    @rule(means=st.sampled_from(["message", "signal"]))
    def interrupt(self, means: Any) -> None:
        self.kernel.interrupt(means)

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1]))
    def read(self, seconds: float) -> None:
        self.kernel.client.pump(seconds)

    @rule()
    def settle(self) -> None:
        """Have all that hangs end, and look at what has come."""
        client = self.kernel.client
        for request in self.hanging:
            self._end(request)
        self.hanging.clear()
        for request in (*self.cells, *self.questions):
            client.reply(request, SECONDS, f"a reply\n{self.kernel.log()}")
            client.idle(request, SECONDS)
        client.idle(client.send("control", "kernel_info_request"), SECONDS)
        for request in (*self.cells, *self.questions):
            one_answer(self.kernel, request)
        self._look_at_cells()
        self.cells.clear()
        self.questions.clear()
        client.forget()

    def _end(self, request: str) -> None:
        """Interrupt a cell until it has ended: one interrupt may have come before its turn."""
        for _ in range(round(SECONDS)):
            try:
                self.kernel.client.reply(request, 1)
            except Missed:
                self.kernel.interrupt("message")
            else:
                return
        raise Missed(f"the end of a cell that was interrupted\n{self.kernel.log()}")

    def _look_at_cells(self) -> None:
        """They were sent in this order, and none of them stops the others."""
        for request, word in self.cells.items():
            reply = self.kernel.client.reply(request).content
            text = self.kernel.client.text(request)
            assert not text.replace(word, "").replace("\n", ""), "output of another cell"
            if reply["status"] == "aborted":
                assert text == ""
                continue
            self.count += 1
            assert reply["execution_count"] == self.count, (reply, self.kernel.log())

    @rule()
    def restart(self) -> None:
        self.kernel.restart(SECONDS)
        self._begin_anew()

    @rule()
    def reconnect(self) -> None:
        """Nobody waits for the answers any more, but what was sent still runs: so it is ended first."""
        self.settle()
        self.kernel.reconnect()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.cells.clear()
        self.hanging.clear()
        self.questions.clear()
        self.kernel.client.forget()
        self.count = int(self.kernel.run("pass", SECONDS).reply.content["execution_count"])

    def teardown(self) -> None:
        try:
            self.settle()
            ends(self.kernel)
        finally:
            self.kernel.close()


@pytest.mark.timeout(7200)
@pytest.mark.skipif(sys.platform == "win32", reason="interrupts as signals")
def test_any_order(loop: str, seed: str, long: bool) -> None:
    machine = type("Machine", (Model,), {"loop": loop})
    settings = hypothesis.settings(
        max_examples=300 if long else 3,
        stateful_step_count=30 if long else 12,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(hypothesis.seed(seed)(machine), settings=settings)
