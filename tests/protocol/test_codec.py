"""Frames in, messages out, and back: whatever the content, nothing is lost and nothing but ProtocolError comes out."""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from async_kernel.errors import MalformedMessageError, ProtocolError, SignatureError
from async_kernel.protocol import codec
from async_kernel.protocol.codec import Codec, from_json, to_json
from async_kernel.protocol.messages import Buffer
from async_kernel.protocol.names import DELIMITER
from async_kernel.protocol.signing import Signer

NOW = "2026-01-31T12:00:00.000000+00:00"
KEY = b"a key"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(st.text(), json_values, max_size=4)


def make_codec(key: bytes = KEY) -> Codec:
    """One end of a wire; both ends of one wire are two of these, as each remembers the digests it has seen."""
    return Codec(Signer(key), "session", "user", lambda: NOW)


@given(json_values)
def test_json_is_written_as_the_encoder_of_the_standard_library_writes_it(value: Any) -> None:
    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    assert to_json(value) == encoder.encode(value).encode()


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="others may have no C code")
def test_the_encoder_in_c_is_where_it_is_looked_for() -> None:
    assert getattr(json.encoder, "c_make_encoder", None) is not None


def test_without_c_code_it_is_that_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json.encoder, "c_make_encoder", None)
    assert "".join(codec._make_encoder(codec._quote)({"é": [1, None]}, 0)) == '{"é":[1,null]}'


@pytest.mark.parametrize(
    "text", ['{"a":1}', ' {"a":1}', '{"a":1}\n', '\t{"a": 1}\r\n', "1", " 1 ", '"a"', "true", "[1, 2] "]
)
def test_white_space_around_a_value_is_nothing(text: str) -> None:
    assert from_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ["", " ", "1 2", '{"a":1}}', '{"a":1', "\xa01", "\ufeff1", "nul", "01"])
def test_what_is_no_value_or_more_than_one_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\(char \d+\)"):
        from_json(text.encode())


def frames_of(header: object, *rest: object, key: bytes = KEY) -> list[bytes]:
    """The signed frames of a message whose header is `header`; parent header, metadata and content are {} or `rest`."""
    parts = [*rest, {}, {}, {}][:3]
    signed = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, *parts)]
    return [DELIMITER, Signer(key).sign(signed), *signed]


HEADER = {"msg_id": "1", "msg_type": "execute_request"}


# Round trips


@given(
    content=json_objects,
    metadata=json_objects,
    identities=st.lists(st.binary().filter(lambda frame: frame != DELIMITER), max_size=2),
    buffers=st.lists(st.binary(), max_size=3),
)
def test_what_is_encoded_is_decoded(
    content: dict[str, Any], metadata: dict[str, Any], identities: list[bytes], buffers: list[bytes]
) -> None:
    parent = b'{"msg_id": "parent",   "of": "another client"}'
    frames = make_codec().encode("stream", content, parent, metadata, buffers, identities)
    message = make_codec().decode([bytes(frame) for frame in frames])
    assert message.content == content
    assert message.metadata == metadata
    assert message.parent_header == {"msg_id": "parent", "of": "another client"}
    assert message.identities == tuple(identities)
    assert list(message.buffers) == buffers
    assert not message.problem
    assert message.header.msg_type == "stream"
    assert message.header[2:] == ("session", "user", NOW, "5.5", None)
    assert json.loads(message.header_frame)["msg_id"] == message.header.msg_id


def test_the_header_comes_back_as_parent_byte_for_byte() -> None:
    header = b'{ "msg_type":"execute_request",\n "msg_id":"1", "x-unknown": [1.0, 1e3], "username": "\\u00e9" }'
    message = make_codec().decode(frames_of(header))
    reply = make_codec().encode("execute_reply", {}, message.header_frame)
    assert reply[3] == header


@pytest.mark.parametrize(("given_id", "read"), [("sub-1", "sub-1"), (None, None), (7, None)])
def test_the_subshell_is_read_from_the_header(given_id: object, read: str | None) -> None:
    assert make_codec().decode(frames_of({**HEADER, "subshell_id": given_id})).header.subshell_id == read


@pytest.mark.parametrize(("name", "sent"), [('o"neill\\', 'o"neill\\'), ("\udcfcnsal", "?nsal")])
def test_a_user_name_is_quoted(name: str, sent: str) -> None:
    """One from the environment may be no UTF-8, which Python then holds as surrogates."""
    codec = Codec(Signer(KEY), "session", name, lambda: NOW)
    assert json.loads(bytes(codec.encode("status", {})[2]))["username"] == sent


def test_ids_are_unique_among_threads() -> None:
    codec = make_codec()
    made: list[list[str]] = [[] for _ in range(4)]
    start = threading.Barrier(len(made))

    def work(mine: list[str]) -> None:
        start.wait(10)
        mine.extend(codec.new_id() for _ in range(3000))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    finally:
        sys.setswitchinterval(before)
    ids = [msg_id for mine in made for msg_id in mine]
    assert len(ids) == 12000
    assert len(set(ids)) == 12000


def test_buffers_are_those_of_the_moment() -> None:
    """They leave in another thread, later: what is written into them meanwhile must not leave too."""
    data = bytearray(b"abcdef")
    *_, whole, every_other = make_codec().encode("comm_msg", {}, buffers=[memoryview(data), memoryview(data)[::2]])
    data[:] = b"xxxxxx"
    assert bytes(whole) == b"abcdef"
    assert bytes(every_other) == b"ace"
    assert all(memoryview(buffer).c_contiguous for buffer in (whole, every_other)), "ZMQ takes no others"


def test_buffers_that_come_in_are_views_that_copy_nothing_and_cannot_be_written_into() -> None:
    frames: list[Buffer] = [*frames_of(HEADER), bytearray(b"large"), b"small"]
    large, small = make_codec().decode(frames).buffers
    assert isinstance(large, memoryview)
    assert isinstance(small, memoryview)
    assert large.obj is frames[-2]
    assert small.obj is frames[-1]
    assert large.readonly


@given(st.text() | st.text('\\"\n\r\t\x00\x1f\x7f aß漢😀'))
def test_a_long_text_is_quoted_as_a_short_one(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("async_kernel.protocol.codec.LONG_TEXT", 0)
        assert to_json(text).decode() == json.dumps(text, ensure_ascii=False)


def test_a_long_text_of_a_class_of_its_own_and_one_that_is_no_utf_8() -> None:
    long = "x" * 10_000
    assert to_json({"text": Label(long)}) == b'{"text":"%s"}' % long.encode()
    assert to_json([long + "\ud800"]) == b'["%s?"]' % long.encode()


# What JSON has no form for


class Int64:
    """As the scalars of NumPy are: a number by its method, but of none of Python's number types."""

    def __index__(self) -> int:
        return 64


class Float32:
    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def __float__(self) -> float:
        return self.value


class Unwilling:
    """An array of more than one element: it has the methods, and they refuse."""

    def __index__(self) -> int:
        raise TypeError("only length-1 arrays can be converted")

    __float__ = __index__

    def __repr__(self) -> str:
        return "Unwilling()"


class Unspeakable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Label(str):
    """A string that shows itself otherwise, as members of `class Colour(str, Enum)` do."""

    __slots__ = ()

    def __str__(self) -> str:
        return "Label.shown"


@pytest.mark.parametrize(
    ("value", "fitted"),
    [
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (-float("inf"), "-inf"),
        (b"\x00\xff", "AP8="),
        (bytearray(b"a"), "YQ=="),
        (memoryview(b"a"), "YQ=="),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        (Int64(), 64),
        (Float32(), 0.5),
        (Float32(float("nan")), "nan"),
        (Unwilling(), "Unwilling()"),
        (1j, "1j"),
        (2**200, 2**200),
        ("\ud800", "?"),
        ("é\N{GRINNING FACE}\0", "é\N{GRINNING FACE}\0"),
    ],
)
def test_everything_fits_into_json(value: object, fitted: object) -> None:
    assert json.loads(to_json({"it": value})) == {"it": fitted}
    assert json.loads(to_json({"it": value, "beside": {1, 2}}))["it"] == fitted


@pytest.mark.parametrize("key", [1, 1.5, None, (1, 2), "\ud800", b"bytes", Int64()], ids=lambda key: type(key).__name__)
def test_every_key_becomes_text(key: object) -> None:
    (text,) = json.loads(to_json({key: float("nan")}))
    assert isinstance(text, str)


def test_a_string_keeps_its_text_beside_what_has_to_be_fitted() -> None:
    assert json.loads(to_json({"it": Label("text")})) == {"it": "text"}
    assert json.loads(to_json({"it": Label("text"), "beside": float("nan")}))["it"] == "text"


def test_a_number_longer_than_python_writes_is_sent() -> None:
    """CPython refuses to write integers of more than 4300 digits (CVE-2020-10735)."""
    assert json.loads(to_json({"it": 1 << 20000, "a": 1})) == {"it": hex(1 << 20000), "a": 1}


def test_what_cannot_be_shown_is_named() -> None:
    text = json.loads(to_json({"it": Unspeakable(), "a": 1}))
    assert text["a"] == 1
    assert "Unspeakable" in text["it"]


def test_data_that_holds_itself_is_sent() -> None:
    once: list[Any] = [1]
    once.append(once)
    often: dict[str, Any] = {"a": 1}
    for name in "bcdefgh":
        often[name] = often
    assert json.loads(to_json({"it": once}))["it"][0] == 1
    assert json.loads(to_json({"it": often}))["it"]["a"] == 1
    assert len(to_json({"it": often})) < 10_000


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_deep_data_is_sent(depth: int) -> None:
    deep: list[Any] = []
    for _ in range(depth):
        deep = [deep]
    try:
        assert json.loads(to_json({"it": deep, "a": 1}))["a"] == 1
    finally:  # layer by layer: freeing it at once takes the C stack of a thread that Hypothesis made small
        while deep:
            deep = deep.pop()


# Malformed frames


@given(st.lists(st.binary(max_size=20) | st.just(DELIMITER), max_size=9), st.booleans())
def test_noise_is_a_protocol_error(frames: list[bytes], signed: bool) -> None:
    codec = make_codec(KEY if signed else b"")
    with suppress(ProtocolError):
        codec.decode(frames)


@given(st.lists(st.binary(max_size=30) | json_values.map(lambda value: json.dumps(value).encode()), min_size=4))
def test_signed_noise_is_a_protocol_error(signed: list[bytes]) -> None:
    frames = [DELIMITER, Signer(KEY).sign(signed[:4]), *signed]
    with suppress(ProtocolError):
        make_codec().decode(frames)


@given(
    header=st.fixed_dictionaries(
        {"msg_id": st.text() | json_values, "msg_type": st.sampled_from(["execute_request", "é", "a b", ""])},
        optional=dict.fromkeys(("session", "username", "date", "version", "subshell_id"), json_values),
    ),
    rest=st.lists(json_values, min_size=3, max_size=3),
)
def test_a_message_is_read_or_refused(header: dict[str, Any], rest: list[Any]) -> None:
    with suppress(MalformedMessageError):
        message = make_codec().decode(frames_of(header, *rest))
        assert isinstance(message.content, dict)
        assert bool(message.problem) == any(not isinstance(part, dict) for part in rest)
        assert all(isinstance(field, str) for field in message.header[:6])


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b"identity"],
        [DELIMITER],
        [DELIMITER, b"", b"{}", b"{}", b"{}"],
        frames_of(b"{"),
        frames_of(b"\xff\xfe"),
        frames_of([1]),
        frames_of({}),
        frames_of({"msg_id": 1, "msg_type": "execute_request"}),
        frames_of({"msg_id": "1", "msg_type": 'a", "b": "c'}),
        frames_of({"msg_id": "1", "msg_type": ""}),
        frames_of(b"[" * 100_000),
        frames_of(b'{"msg_id": ' + b"1" * 5000 + b"}"),
    ],
    ids=lambda frames: str(len(frames)),
)
def test_what_is_no_message_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(MalformedMessageError):
        make_codec().decode(frames)


NOT_STRICT = {
    "NaN": b'{"msg_id":"1","msg_type":"execute_request","x":NaN}',
    "an infinity": b'{"msg_id":"1","msg_type":"execute_request","x":[-Infinity]}',
    "UTF-16": json.dumps(HEADER).encode("utf-16"),
    "UTF-16 without a mark": json.dumps(HEADER).encode("utf-16-le"),
    "UTF-32": json.dumps(HEADER).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(HEADER).encode(),
    "an encoded surrogate": b'{"msg_id":"1","msg_type":"execute_request","x":"\xed\xa0\x80"}',
    "Latin-1": b'{"msg_id":"1","msg_type":"execute_request","x":"\xe9"}',
    "a control character": b'{"msg_id":"1","msg_type":"execute_request","x":"\x01"}',
    "a second value": b'{"msg_id":"1","msg_type":"execute_request"}{}',
}
"""What some parsers of JSON take in and others, those of browsers among them, do not."""

NOT_FOR_ALL = {
    "half a surrogate pair": b'{"msg_id":"1","msg_type":"execute_request","x":"\\ud800"}',
    "the other half, in a name": b'{"msg_id":"1","msg_type":"execute_request","\\udfff":1}',
    "a number that is infinite": b'{"msg_id":"1","msg_type":"execute_request","x":1e999}',
}
"""JSON that not every client can write again: a server passes headers on to browsers."""


@pytest.mark.parametrize("header", (NOT_STRICT | NOT_FOR_ALL).values(), ids=NOT_STRICT | NOT_FOR_ALL)
def test_a_header_that_some_client_cannot_read_is_refused(header: bytes) -> None:
    """All clients get it, as the parent header of what is published."""
    with pytest.raises(MalformedMessageError):
        make_codec().decode(frames_of(header))


def test_a_header_may_have_escapes_and_any_character() -> None:
    header = (
        '{"msg_id":"1","msg_type":"execute_request","x":["\\ud83e\\udd86 \\u00e9 é 🦆 \\u2028", 1e300, -0.0]}'.encode()
    )
    message = make_codec().decode(frames_of(header))
    assert make_codec().encode("status", {}, message.header_frame)[3] == header


@pytest.mark.parametrize("part", NOT_STRICT.values(), ids=NOT_STRICT)
@pytest.mark.parametrize("place", range(3), ids=["parent", "metadata", "content"])
def test_a_part_that_is_not_strict_json_is_a_problem_for_a_reply(place: int, part: bytes) -> None:
    parts: list[object] = [{}, {}, {}]
    parts[place] = part
    assert make_codec().decode(frames_of(HEADER, *parts)).problem


@given(
    value=st.recursive(
        st.floats() | st.text(st.characters(codec=None)) | st.binary(),
        lambda children: st.lists(children) | st.dictionaries(st.text(st.characters(codec=None)), children),
    )
)
def test_all_that_is_sent_is_strict_json(value: object) -> None:
    from_json(to_json({"it": value}))
    for frame in make_codec().encode("display_data", {"it": value}, metadata={"it": value})[2:]:
        from_json(bytes(frame))


@pytest.mark.parametrize("content", [b"[]", b"null", b"{", b"\xff", b'"text"', b"[" * 100_000])
@pytest.mark.parametrize("place", range(3), ids=["parent", "metadata", "content"])
def test_a_part_that_is_no_object_is_a_problem_for_a_reply(place: int, content: bytes) -> None:
    parts: list[object] = [{}, {}, {}]
    parts[place] = content
    message = make_codec().decode(frames_of(HEADER, *parts))
    assert ("parent_header", "metadata", "content")[place] in message.problem
    assert (message.parent_header, message.metadata, message.content) == ({}, {}, {})
    assert message.header.msg_id == "1"


def test_a_wrong_signature_is_refused_before_anything_is_read() -> None:
    frames = frames_of(b"not JSON", key=b"another key")
    with pytest.raises(SignatureError):
        make_codec().decode(frames)
