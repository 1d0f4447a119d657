"""What waits to be sent, without anybody who sends."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from async_kernel.protocol.messages import Buffer, Header, Message
from async_kernel.transport.outbox import Outbox, Text

KEY = Message(Header("1", "execute_request"), b"{}", {}, {}, {}), "stdout"
OTHER = Message(Header("2", "execute_request"), b"{}", {}, {}, {}), "stdout"


def build(key: tuple[Message, str], text: str) -> Sequence[Buffer]:
    return [text.encode()]


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
