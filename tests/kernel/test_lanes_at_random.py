"""Lanes at random: cells that end well, fail, wait and are aborted, in three shells, with asides in between.

A model says what each cell has to become; whoever differs, kernel or model, is wrong.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from .harness import Harness


class Cell(NamedTuple):
    """A cell that was sent and that nobody has finished yet."""

    msg_id: str
    code: str
    stops: bool


class Lanes(RuleBasedStateMachine):
    """Each shell is held by an "await" cell at its head whenever something is queued, so that the model knows what is
    behind what; `release` lets the head go and everything up to the next "await"."""

    backend = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Harness(self.backend).start()
        self.queued: dict[str | None, deque[Cell]] = defaultdict(deque)
        self.results: dict[str, tuple[str | None, str]] = {}
        self.count = 0
        self.shells: list[str | None] = [None]

    @initialize()
    def make_subshells(self) -> None:
        for _ in range(2):
            self.shells.append(self.kernel.ask("create_subshell_request")["subshell_id"])

    @rule(which=st.integers(0, 2), kind=st.sampled_from(["print", "error", "raise", "await"]), stops=st.booleans())
    def execute(self, which: int, kind: str, stops: bool) -> None:
        shell = self.shells[which]
        self.count += 1
        if not self.queued[shell]:
            kind = "await"
        code = {"raise": "raise RuntimeError"}.get(kind, f"{kind} {self.count}")
        msg_id = self.kernel.execute(code, subshell_id=shell, stop_on_error=stops)
        self.queued[shell].append(Cell(msg_id, code, stops))

    @precondition(lambda self: any(self.queued.values()))
    @rule(which=st.integers(0, 2))
    def release(self, which: int) -> None:
        """Let the head of a shell go, and what is behind it, up to the next cell that waits."""
        shell = self.shells[which]
        queue = self.queued[shell]
        if not queue:
            return
        self.kernel.interpreter.wait_for(queue[0].code)
        self.kernel.interpreter.release(queue[0].code.partition(" ")[2])
        self.finish(shell, queue.popleft(), "ok")
        while queue and not queue[0].code.startswith("await"):
            cell = queue.popleft()
            fails = cell.code.startswith(("error", "raise"))
            self.finish(shell, cell, "error" if fails else "ok")
            if fails and cell.stops:
                while queue:
                    self.finish(shell, queue.popleft(), "aborted")

    def finish(self, shell: str | None, cell: Cell, status: str) -> None:
        """Check a cell that has to be done by now."""
        assert self.kernel.status(cell.msg_id) == status, cell
        whats = self.kernel.whats(cell.msg_id)
        output = ["stream"] if status == "ok" and cell.code.startswith("print") else []
        if status == "error" and cell.code.startswith("error"):
            output = ["error"]
        assert whats == ["busy", *output, "execute_reply", "idle"], cell
        assert {one.message.parent_header.get("subshell_id") for one in self.kernel.so_far(cell.msg_id)} == {shell}

    @rule(which=st.integers(0, 2))
    def complete(self, which: int) -> None:
        """Asides are answered whatever the cells do, by the right shell."""
        self.count += 1
        shell = self.shells[which]
        msg_id = self.kernel.send("complete_request", {"code": f"name{self.count}"}, subshell_id=shell)
        assert self.kernel.reply(msg_id)["matches"] == [f"name{self.count}"]
        assert {one.message.parent_header.get("subshell_id") for one in self.kernel.so_far(msg_id)} == {shell}

    @rule(which=st.integers(0, 2))
    def comm(self, which: int) -> None:
        """A comm message between the cells changes nothing for them."""
        self.kernel.send("comm_msg", {"comm_id": "1"}, subshell_id=self.shells[which])

    @invariant()
    def what_waits_is_not_done(self) -> None:
        for queue in self.queued.values():
            for cell in queue:
                assert "idle" not in [one.what for one in self.kernel.so_far(cell.msg_id)], cell

    def teardown(self) -> None:
        for which in range(len(self.shells)):
            while self.queued[self.shells[which]]:
                self.release(which)
        self.kernel.close()


def test_lanes_at_random(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    machine = type("Lanes", (Lanes,), {"backend": backend})
    case = machine.TestCase  # type: ignore[attr-defined]
    case.settings = settings(
        max_examples=25,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # no shrinking: what a broken lane leaves out costs a deadline each time
    )
    case().runTest()
