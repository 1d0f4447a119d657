"""How cells are marked to run beside others."""

from __future__ import annotations

from typing import Any

import pytest

from async_kernel.kernel.modes import Mode, mode_of
from async_kernel.protocol.messages import Header, Message


def message(code: Any = "1", metadata: dict[str, Any] | None = None) -> Message:
    return Message(Header("id", "execute_request", "session"), b"{}", {"code": code}, metadata or {}, {})


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("first", ["# {}", "#{}", "#  {}  ", "%%{}", "\n\n# {}", "%%{}  "])
def test_a_first_line_marks(first: str, mode: Mode) -> None:
    line = first.format(mode.value)
    assert mode_of(message(f"{line}\nawait work()")) is mode
    assert mode_of(message(line)) is mode


@pytest.mark.parametrize("mode", Mode)
def test_a_tag_marks(mode: Mode) -> None:
    assert mode_of(message("1", {"tags": ["other", mode.value]})) is mode


@pytest.mark.parametrize(
    "code", ["1", "# tasks", "# a task", "x = 1  # task", "1\n# task", "%task", "%%task now", "%%tasks", "", None, 5]
)
def test_anything_else_does_not(code: Any) -> None:
    assert mode_of(message(code)) is None


def test_a_detached_cell_runs_in_a_thread_unless_it_says_otherwise() -> None:
    assert mode_of(message("1", {"detach": True})) is Mode.THREAD
    assert mode_of(message("# task", {"detach": True})) is Mode.TASK
    assert mode_of(message("1", {"detach": True, "tags": ["task"]})) is Mode.TASK
    assert mode_of(message("1", {"detach": "yes"})) is None


@pytest.mark.parametrize("tags", [None, "task", {"task": 1}, [1, None], ["Task"]])
def test_other_tags_do_not(tags: Any) -> None:
    assert mode_of(message("1", {"tags": tags})) is None
