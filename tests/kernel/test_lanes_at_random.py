"""Lanes at random: cells that end well, fail, await, block, are aborted, run as tasks and in threads, in three shells,
with completions and comm messages in between.

A model says what each cell has to become; whoever differs, kernel or model, is wrong.
"""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from .harness import Harness

MARKS = {"task": "# task\n", "thread": "%%thread\n", "": ""}


class Cell(NamedTuple):
    """A cell that was sent and that nobody has finished yet. Its key is the last word of its code."""

    msg_id: str
    code: str
    stops: bool
    mark: str

    @property
    def key(self) -> str:
        return self.code.rpartition(" ")[2]

    @property
    def command(self) -> str:
        return self.code.removeprefix(MARKS[self.mark]).partition(" ")[0]

    @property
    def waits(self) -> bool:
        return self.command in ("talk", "hold")


class Lanes(RuleBasedStateMachine):
    """Each shell is held by a cell that waits at its head whenever something is queued, so that the model knows what is
    behind what; `release` lets the head go and everything up to the next one that waits. Marked cells that have had
    their turn are `beside`."""

    backend = "asyncio"

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Harness(self.backend).start()
        self.queued: dict[str | None, deque[Cell]] = defaultdict(deque)
        self.beside: dict[str | None, list[Cell]] = defaultdict(list)
        self.comms: dict[str | None, list[str]] = defaultdict(list)
        self.counts: dict[str | None, list[int]] = defaultdict(list)
        self.number = 0
        self.shells: list[str | None] = [None]

    @initialize()
    def make_subshells(self) -> None:
        for _ in range(2):
            self.shells.append(self.kernel.ask("create_subshell_request")["subshell_id"])

    @rule(
        which=st.integers(0, 2),
        command=st.sampled_from(["print", "error", "raise", "talk", "hold"]),
        mark=st.sampled_from(["", "", "task", "thread"]),
        stops=st.booleans(),
    )
    def execute(self, which: int, command: str, mark: str, stops: bool) -> None:
        """Send a cell. What holds a loop is never a task: nobody could say what else the loop has done by then."""
        shell = self.shells[which]
        self.number += 1
        if not self.queued[shell]:
            mark = ""
        if mark or not self.queued[shell]:
            command = "hold" if command == "hold" and mark != "task" else "talk"
        code = MARKS[mark] + {"raise": "raise RuntimeError"}.get(command, f"{command} {self.number}")
        msg_id = self.kernel.execute(code, subshell_id=shell, stop_on_error=stops)
        self.queued[shell].append(Cell(msg_id, code, stops, mark))
        if len(self.queued[shell]) == 1:
            self.kernel.interpreter.wait_for(code)

    @precondition(lambda self: any(self.queued.values()))
    @rule(which=st.integers(0, 2))
    def release(self, which: int) -> None:
        """Let the head of a shell go, and what is behind it, up to the next cell of its own that waits."""
        shell = self.shells[which]
        queue = self.queued[shell]
        if not queue:
            return
        self.kernel.interpreter.release(queue[0].key)
        self.finish(shell, queue.popleft(), "ok")
        while queue and (queue[0].mark or not queue[0].waits):
            cell = queue.popleft()
            if cell.mark:
                self.kernel.interpreter.wait_for(cell.code)
                self.beside[shell].append(cell)
                continue
            fails = cell.command in ("error", "raise")
            self.finish(shell, cell, "error" if fails else "ok")
            if fails and cell.stops:
                while queue:
                    self.finish(shell, queue.popleft(), "aborted")
        if queue:
            self.kernel.interpreter.wait_for(queue[0].code)

    @precondition(lambda self: any(self.beside.values()))
    @rule(which=st.integers(0, 2), index=st.integers(0, 5))
    def release_beside(self, which: int, index: int) -> None:
        """Let a marked cell go. A task cannot while a cell keeps the loop to itself."""
        shell = self.shells[which]
        beside, head = self.beside[shell], next(iter(self.queued[shell]), None)
        if not beside:
            return
        cell = beside[index % len(beside)]
        if cell.mark == "thread" or head is None or head.command != "hold":
            beside.remove(cell)
            self.kernel.interpreter.release(cell.key)
            self.finish(shell, cell, "ok")

    def finish(self, shell: str | None, cell: Cell, status: str) -> None:
        """Check a cell that has to be done by now."""
        assert self.kernel.status(cell.msg_id) == status, cell
        served = self.kernel.served(cell.msg_id)
        output: list[str] = []
        if status == "ok":
            output = [f"{cell.key} begins\n", f"{cell.key} ends\n"] if cell.waits else [cell.key]
        texts = [one.message.content["text"] for one in served if one.what == "stream"]
        assert texts == output, cell
        errors = ["error"] if status == "error" else []
        whats = ["busy", *("stream" for _ in output), *errors, "execute_reply", "idle"]
        assert [one.what for one in served] == whats, cell
        assert {one.message.parent_header.get("subshell_id") for one in served} == {shell}
        numbered = status == "ok" or (status == "error" and cell.command == "error")
        if not cell.mark and numbered:  # what was not run has the number of another
            self.counts[shell].append(self.kernel.reply(cell.msg_id)["execution_count"])

    @rule(which=st.integers(0, 2))
    def complete(self, which: int) -> None:
        """Asides are answered whatever the cells do, by the right shell."""
        self.number += 1
        shell = self.shells[which]
        msg_id = self.kernel.send("complete_request", {"code": f"name{self.number}"}, subshell_id=shell)
        assert self.kernel.reply(msg_id)["matches"] == [f"name{self.number}"]
        assert {one.message.parent_header.get("subshell_id") for one in self.kernel.so_far(msg_id)} == {shell}

    @rule(which=st.integers(0, 2), wait=st.booleans())
    def comm(self, which: int, wait: bool) -> None:
        """Comm messages are served whatever the cells do, too."""
        self.number += 1
        shell = self.shells[which]
        content = {"comm_id": str(self.number % 3), "print": f"comm {self.number}"}
        msg_id = self.kernel.send("comm_msg", content, subshell_id=shell)
        self.comms[shell].append(msg_id)
        if wait:
            self.check_comm(msg_id, shell)

    def check_comm(self, msg_id: str, shell: str | None) -> None:
        assert self.kernel.whats(msg_id) == ["busy", "stream", "idle"]
        assert {one.message.parent_header.get("subshell_id") for one in self.kernel.so_far(msg_id)} == {shell}

    @invariant()
    def what_waits_is_not_done(self) -> None:
        for waiting in (*self.queued.values(), *self.beside.values()):
            for cell in waiting:
                assert "idle" not in [one.what for one in self.kernel.so_far(cell.msg_id)], cell

    def teardown(self) -> None:
        for which, shell in enumerate(self.shells):
            while self.queued[shell]:
                self.release(which)
            while self.beside[shell]:
                self.release_beside(which, 0)
            for msg_id in self.comms[shell]:
                self.check_comm(msg_id, shell)
            done = [msg_id for msg_id in self.kernel.comms.done if msg_id in self.comms[shell]]
            assert done == self.comms[shell], "in order of arrival, once each"
            assert self.counts[shell] == sorted(set(self.counts[shell]))
        counts = [count for counts in self.counts.values() for count in counts]
        assert len(counts) == len(set(counts))
        self.kernel.close()


def test_lanes_at_random(backend: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    machine: Any = type("Lanes", (Lanes,), {"backend": backend})
    case = machine.TestCase
    case.settings = settings(
        max_examples=25,
        stateful_step_count=40,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # no shrinking: what a broken lane leaves out costs a deadline each time
    )
    case().runTest()
