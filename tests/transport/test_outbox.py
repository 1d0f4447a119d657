"""What waits to be sent, without anybody who sends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from async_kernel.protocol.messages import Buffer, Header, Message
from async_kernel.protocol.names import Channel
from async_kernel.transport.outbox import Outbox, Plain, Text

KEY = Message(Header("1", "execute_request"), b"{}", {}, {}, {}), "stdout"
OTHER = Message(Header("2", "execute_request"), b"{}", {}, {}, {}), "stdout"


def build(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
    return [text.encode()]


@pytest.fixture(autouse=True)
def no_waiting_for_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.LINE_SECONDS", 0.0)


def test_what_a_short_cell_prints_leaves_as_one_when_something_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.LINE_SECONDS", 3600.0)
    outbox = Outbox()
    for text in ("a", "\n", "b", "\n"):
        outbox.gather(KEY, build, None, text)
        assert isinstance(outbox.take(), float), "it may be joined"
    outbox.put(Plain(Channel.SHELL, [b"the reply"]))
    first = outbox.take()
    assert isinstance(first, Text)
    assert first.frames() == [b"a\nb\n"]
    assert outbox.take() == Plain(Channel.SHELL, [b"the reply"])


def test_who_ends_the_first_line_is_told_to_send_it() -> None:
    outbox = Outbox()
    assert [outbox.gather(KEY, build, None, text) for text in ("a", " ", "b", "\n", "c", "\n")] == [
        *(True, False, False, True),  # `print` writes the end of its line by itself
        *(False, False),
    ]
    first = outbox.take()
    assert isinstance(first, Text)
    assert first.frames() == [b"a b\nc\n"]
    assert not outbox


def test_a_line_that_is_whole_needs_no_other_call() -> None:
    outbox = Outbox()
    assert outbox.gather(KEY, build, None, "a\n")
    assert not outbox.gather(KEY, build, None, "b\n")
    assert outbox.gather(OTHER, build, None, "c\n")
    assert len(outbox) == 2


def test_the_first_line_of_a_key_waits_for_nothing_and_the_next_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.GATHER_SECONDS", 3600.0)
    outbox = Outbox()
    for key in (KEY, OTHER):
        outbox.gather(key, build, None, "a\n")
        assert isinstance(outbox.take(), Text)
    outbox.gather(OTHER, build, None, "b\n")
    wait = outbox.take()
    assert isinstance(wait, float)
    assert 0 < wait <= 3600.0


def test_text_of_a_batch_run_is_gathered_from_its_first_line_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("async_kernel.transport.outbox.BATCH_GATHER_SECONDS", 3600.0)
    outbox = Outbox()
    message, name = KEY
    batch = message._replace(content={"allow_stdin": False}), name
    for text in ("a\n", "b\n"):
        outbox.gather(batch, build, None, text)
        assert isinstance(outbox.take(), float)
    outbox.gather(KEY, build, None, "c\n")  # of another request: it closes what was gathered
    taken = [outbox.take(), outbox.take()]
    assert [item.frames() for item in taken if isinstance(item, Text)] == [[b"a\nb\n"], [b"c\n"]]
