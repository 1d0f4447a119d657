"""Bytes to messages of the Debug Adapter Protocol and back, in whatever pieces they come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from async_kernel.debugger.framing import Decoder, FramingError, encode

MESSAGES = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none()), max_size=4)


@settings(deadline=None)
@given(MESSAGES, st.lists(st.integers(1, 40)))
def test_what_was_encoded_comes_out_however_it_is_cut(
    messages: list[dict[str, str | int | None]], cuts: list[int]
) -> None:
    data = b"".join(map(encode, messages))
    decoder, found = Decoder(), []
    for cut in [*cuts, len(data)]:
        found += decoder.feed(data[:cut])
        data = data[cut:]
    assert found == messages


def test_other_header_fields_are_let_be() -> None:
    assert Decoder().feed(b'Content-Type: x\r\ncontent-length: 8\r\n\r\n{"a": 1}') == [{"a": 1}]


@pytest.mark.parametrize(
    "data",
    [b"nothing\r\n\r\n", b"Content-Length: x\r\n\r\n", b"Content-Length: 2\r\n\r\n[]", b"Content-Length: 1\r\n\r\n{"],
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        Decoder().feed(data)
