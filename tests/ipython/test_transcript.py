"""What is kept of cells' output for %notebook: in order, within bounds, as front ends would show it."""

from __future__ import annotations

from collections import defaultdict
from itertools import chain
from typing import Any

import pytest

from async_kernel.ipython import transcript as transcripts
from async_kernel.ipython.transcript import CellRecord, Transcript


class FakeManager:
    """Has the `outputs` of IPython's history manager."""

    def __init__(self) -> None:
        self.outputs: dict[int, list[Any]] = defaultdict(list)

    def of(self, number: int) -> list[tuple[str, Any]]:
        """What is kept of a cell: the kind of each output, and its text or data."""
        return [
            (one.output_type, "".join(chain(*one.bundle.values())) if "stream" in one.bundle else one.bundle)
            for one in self.outputs.get(number, [])
        ]


@pytest.fixture
def manager() -> FakeManager:
    return FakeManager()


@pytest.fixture
def transcript(manager: FakeManager) -> Transcript:
    return Transcript(manager)


def display(text: str, display_id: str = "") -> dict[str, Any]:
    return {"data": {"text/plain": text}, "metadata": {}, "transient": {"display_id": display_id} if display_id else {}}


def test_text_grows_after_it_has_begun_and_keeps_its_place(manager: FakeManager, transcript: Transcript) -> None:
    cell = CellRecord(transcript, 1)
    first, second = ["a"], ["c"]
    cell.text("stdout", first)
    first.append("b")
    cell.message("display_data", display("shown"))
    cell.text("stderr", second)
    second.append("d")
    shown = [("out_stream", "ab"), ("display_data", {"text/plain": "shown"}), ("err_stream", "cd")]
    assert manager.of(1) == shown
    CellRecord(transcript, 2).text("stdout", ["other"])
    assert manager.of(1) == shown
    assert manager.of(2) == [("out_stream", "other")]


def test_text_of_several_messages_is_one_output(manager: FakeManager, transcript: Transcript) -> None:
    cell = CellRecord(transcript, 1)
    pieces = ["a", "b"]
    cell.text("stdout", pieces)
    pieces.append("c")
    cell.text("stdout", ["d"])
    cell.text("stdout", ["e"])
    assert manager.of(1) == [("out_stream", "abcde")]
    cell.message("display_data", display("shown"))
    cell.text("stdout", ["f"])
    cell.text("stderr", ["g"])
    assert manager.of(1)[2:] == [("out_stream", "f"), ("err_stream", "g")]


def test_text_that_two_cells_write_in_turns_stays_apart(manager: FakeManager, transcript: Transcript) -> None:
    first, second = CellRecord(transcript, 1), CellRecord(transcript, 2)
    for turn in "abc":
        first.text("stdout", [turn])
        second.text("stdout", [turn.upper()])
    assert ["".join(text for _, text in manager.of(number)) for number in (1, 2)] == ["abc", "ABC"]


def test_updates_and_clearing_do_as_front_ends_do(manager: FakeManager, transcript: Transcript) -> None:
    cell = CellRecord(transcript, 1)
    cell.message("display_data", display("0 %", "bar"))
    cell.message("update_display_data", display("100 %", "bar"))
    cell.message("update_display_data", display("nothing", "unknown"))
    assert manager.of(1) == [("display_data", {"text/plain": "100 %"})]
    cell.message("clear_output", {"wait": True})
    assert len(manager.of(1)) == 1
    cell.text("stdout", ["new"])
    assert manager.of(1) == [("out_stream", "new")]
    cell.message("clear_output", {"wait": False})
    assert manager.of(1) == []
    cell.message("update_display_data", display("gone", "bar"))
    assert manager.of(1) == []


def test_only_the_latest_outputs_are_kept(
    manager: FakeManager, transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "KEPT_OUTPUTS", 3)
    for number in range(1, 6):
        CellRecord(transcript, number).text("stdout", [str(number)])
    assert sorted(manager.outputs) == [3, 4, 5]


def test_no_more_characters_are_kept_than_the_bound(
    manager: FakeManager, transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "KEPT_CHARACTERS", 400)
    for number in range(1, 101):
        pieces = ["x" * 10]
        CellRecord(transcript, number).text("stdout", pieces)
        pieces.append("y" * 20)
        CellRecord(transcript, number).message("display_data", display("z" * 10, str(number)))
        CellRecord(transcript, number).message("update_display_data", display("z" * 20, str(number)))
        assert transcript._size <= 400
    assert sorted(manager.outputs) == [96, 97, 98, 99, 100]
    assert manager.of(100) == [("out_stream", "x" * 10 + "y" * 20), ("display_data", {"text/plain": "z" * 20})]


def test_a_flood_of_one_cell_is_bounded(
    manager: FakeManager, transcript: Transcript, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transcripts, "KEPT_CHARACTERS", 1000)
    cell = CellRecord(transcript, 1)
    for number in range(1000):
        cell.text("stdout", [f"{number}\n"])
        assert transcript._size <= 1000
        assert len(manager.of(1)) == 1
    assert manager.of(1)[0][1].endswith("998\n999\n")


def test_results_that_ipython_keeps_stay(manager: FakeManager, transcript: Transcript) -> None:
    cell = CellRecord(transcript, 1)
    cell.text("stdout", ["text"])
    result = object()
    manager.outputs[1].append(result)
    cell.message("clear_output", {"wait": False})
    assert manager.outputs == {1: [result]}
