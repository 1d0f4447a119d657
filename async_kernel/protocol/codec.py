"""Frames <-> messages: the only two places where the wire is touched.

`Codec.decode` on the way in, `Codec.encode` on the way out. Nothing here knows a socket, a thread or a loop, or any
clock but the one that is passed in.

JSON is the standard library's: it is loaded with pyzmq anyway. A faster codec would save some 35 µs of the messages of
a cell, which takes over a millisecond, and add some 7 ms to the start (benchmarks/codec.py measures it).
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any

from async_kernel.errors import MalformedMessageError

from .messages import Buffer, Content, Header, Message
from .names import DELIMITER, PROTOCOL_VERSION
from .signing import Signer

__all__ = ["Codec", "from_json", "to_json"]

DEPTH = 100
"""Layers of data that are made to fit: deeper data than any front end reads is shown as text."""

LONG_TEXT = 4096
"""Characters from which on a text is looked through for each of the characters that JSON escapes. Each look takes less
than a hundredth of the time of the encoder, which goes character by character, twice."""

_escape: Callable[[str], str] = json.encoder.encode_basestring
_RARE = tuple(chr(number) for number in range(32) if number != 10)


def _quote(text: str) -> str:
    """`text` as a string of JSON."""
    if len(text) < LONG_TEXT or text.__class__ is not str:
        return _escape(text)
    for character in _RARE:
        if character in text:
            return _escape(text)
    for character, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        if character in text:
            text = text.replace(character, escaped)
    return f'"{text}"'


def _make_encoder(quote: Callable[[str], str]) -> Callable[[object, int], Iterable[str]]:
    """What `JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode` does, in pieces. That makes
    an encoder in C for each call, which takes four times as long as a status; here it is made once."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without C code
        encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
        return lambda value, _: [encode(value)]
    made: Callable[[object, int], Iterable[str]] = make(None, _refuse_value, quote, None, ":", ",", False, False, False)
    return made


def _refuse_value(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is no type of JSON")


_pieces = _make_encoder(_quote)
_pieces_of_short = _make_encoder(_escape)
"""The same for values without long texts, as those of most messages are. No function of Python's is called."""


def to_json(value: object) -> bytes:
    """`value` as one UTF-8 JSON frame.

    Values that JSON or UTF-8 cannot hold are made to fit instead of losing the message: NaN and infinities become their
    names, bytes become base64 text, lone surrogates become "?", keys become text, anything else its repr.

    >>> to_json({"a": 1, "b": float("nan")})
    b'{"a":1,"b":"nan"}'
    """
    pieces = _pieces_of_short
    if value.__class__ is dict:
        for part in value.values():
            # A text that is not short, or a container with something in it; whole numbers are short.
            if part and part.__class__ is not int and (part.__class__ is not str or len(part) >= LONG_TEXT):
                pieces = _pieces
                break
    try:
        return "".join(pieces(value, 0)).encode()
    except (TypeError, ValueError, RecursionError):
        return "".join(_pieces(_fit(value), 0)).encode("utf-8", "replace")


def from_json(frame: bytes) -> Any:
    """The value of one JSON frame. ValueError unless it is JSON in UTF-8 (RFC 8259), RecursionError when too deep.

    `json.loads` takes in more than other parsers do: NaN and infinities, UTF-16 and UTF-32, a byte order mark, encoded
    surrogates.

    >>> from_json(b'{"a":1}')
    {'a': 1}
    """
    return {} if frame == b"{}" else _decode(frame.decode())


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def _read_finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


def _make_decode(parse_float: Callable[[str], float] | None = None) -> Callable[[str], Any]:
    """What `JSONDecoder(...).decode` does, which looks for white space around the value first: that takes as long as a
    small value. Here it does so only when the text is not read from its first character to its last."""
    decoder: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=parse_float)
    scan, decode_with_space = decoder.scan_once, decoder.decode

    def decode(text: str) -> Any:
        try:
            value, end = scan(text, 0)
        except StopIteration:  # no value begins here
            return decode_with_space(text)
        return value if end == len(text) else decode_with_space(text)

    return decode


_decode = _make_decode()
_decode_header = _make_decode(_read_finite)


def _fit(value: object, around: tuple[int, ...] = ()) -> Any:
    """`value` with everything replaced that JSON has no form for; `around` are the ids of the containers around it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)  # a subclass may show itself otherwise
    if isinstance(value, int):
        return _fit_number(int(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else repr(float(value))
    if len(around) < DEPTH and id(value) not in around:
        inside = (*around, id(value))
        if isinstance(value, Mapping):
            return {key if type(key) is str else _show(key, str): _fit(item, inside) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_fit(item, inside) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        from base64 import b64encode

        return b64encode(value).decode()
    # The scalars of NumPy and its kin say that they are numbers by these methods.
    for kind, method in ((int, "__index__"), (float, "__float__")):
        if hasattr(value, method):
            try:
                return _fit(kind(value))  # type: ignore[arg-type, call-overload]  # it has the method
            except Exception:
                break
    return _show(value, repr)


def _fit_number(number: int) -> int | str:
    try:
        repr(number)
    except ValueError:  # Python refuses to write very long numbers in decimal (sys.set_int_max_str_digits)
        return hex(number)
    return number


def _show(value: object, form: Callable[[object], str]) -> str:
    """`form(value)`, which for a class of somebody's own, or for deep data, may go wrong."""
    try:
        return form(value)
    except Exception:
        return f"<{type(value).__name__} that cannot be shown>"


class Codec:
    """Turns the frames of one kernel's sockets into messages and back.

    `session` names this run of the kernel in every header, `username` its user; `now` gives the time of day as
    ISO 8601 text with a zone, for example "2026-01-31T12:00:00.000000+00:00". `keep(buffer)` gives a buffer as it is
    now, whatever is written into it afterwards, and without gaps.
    """

    def __init__(
        self,
        signer: Signer,
        session: str,
        username: str,
        now: Callable[[], str],
        keep: Callable[[Buffer], Buffer] = bytes,
    ) -> None:
        self._signer = signer
        self._keep = keep
        self.session = session
        self._now = now
        self._numbers = count(1)
        self._tail = f',"username":{to_json(username).decode()},"session":"{session}","version":"{PROTOCOL_VERSION}"}}'

    def decode(self, frames: Sequence[Buffer]) -> Message:
        """The message in `frames`, as they came from a socket: identities, delimiter, digest, JSON, buffers. The
        buffers are not copied: they come back as views that nobody can write into.

        Raises SignatureError or MalformedMessageError, the faults of a peer. A message that is authentic but whose
        content is no JSON object comes back with its `problem` named: its sender is owed an error reply.
        """
        try:
            split = frames.index(DELIMITER)
        except ValueError:
            raise MalformedMessageError("A message has no delimiter frame.") from None
        signed = [*map(bytes, frames[split + 2 : split + 6])]
        if len(signed) < 4:
            raise MalformedMessageError("A message has fewer than four frames behind its signature.")
        self._signer.verify(bytes(frames[split + 1]), signed)
        header = _read_header(signed[0])
        problem = ""
        parts: list[Content] = []
        for name, frame in zip(("parent_header", "metadata", "content"), signed[1:], strict=True):
            try:
                part = {} if frame == b"{}" else _decode(frame.decode())
            except (ValueError, RecursionError) as error:
                part, problem = {}, f"The {name} of the message is not JSON: {error}"
            if not isinstance(part, dict):
                part, problem = {}, f"The {name} of the message is not a JSON object."
            parts.append(part)
        return Message(
            header=header,
            header_frame=signed[0],
            parent_header=parts[0],
            metadata=parts[1],
            content=parts[2],
            identities=tuple(map(bytes, frames[:split])),
            buffers=[memoryview(frame).toreadonly() for frame in frames[split + 6 :]]
            if len(frames) > split + 6
            else [],
            problem=problem,
        )

    def encode(
        self,
        msg_type: str,
        content: Content,
        parent: bytes = b"{}",
        metadata: Content | None = None,
        buffers: Sequence[Buffer] = (),
        identities: Sequence[bytes] = (),
        msg_id: str = "",
    ) -> list[Buffer]:
        """The frames of a message, signed and ready to send.

        `parent` is the header frame of the request that the message belongs to, as it came.
        """
        signed = (self.header(msg_type, msg_id), parent, to_json(metadata) if metadata else b"{}", to_json(content))
        # The buffers leave later.
        return [*identities, DELIMITER, self._signer.sign(signed), *signed, *map(self._keep, buffers)]

    def header(self, msg_type: str, msg_id: str = "") -> bytes:
        """A new header frame: `{"msg_id": "4f0c…_1234_1", "msg_type": "status", "date": ..., "username": ...}`."""
        msg_id = msg_id or f"{self.session}_{os.getpid()}_{next(self._numbers)}"  # as `new_id`, without a call
        return f'{{"msg_id":"{msg_id}","msg_type":"{msg_type}","date":"{self._now()}"{self._tail}'.encode()

    def new_id(self) -> str:
        """A new msg_id, unique among all kernels and their forked children: "4f0c…_1234_1"."""
        return f"{self.session}_{os.getpid()}_{next(self._numbers)}"


def _read_header(frame: bytes) -> Header:
    """The header in a frame that all clients are going to get as a parent header, so that all have to be able to read
    it, and to write it again. MalformedMessageError for any other."""
    try:
        header = _decode_header(frame.decode())
        if b"\\u" in frame:  # there may be half a surrogate pair, which JSON can say and UTF-8 cannot
            "".join(_pieces(header, 0)).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedMessageError(f"The header of a message is not JSON: {error}") from None
    if not isinstance(header, dict):
        raise MalformedMessageError("The header of a message is not a JSON object.")
    msg_id, msg_type = header.get("msg_id"), header.get("msg_type")
    if not isinstance(msg_id, str) or not isinstance(msg_type, str) or not msg_type.isidentifier():
        raise MalformedMessageError("The header of a message lacks its msg_id or msg_type.")
    subshell_id = header.get("subshell_id")
    return Header(
        msg_id,
        msg_type,
        str(header.get("session", "")),
        str(header.get("username", "")),
        str(header.get("date", "")),
        str(header.get("version", "")),
        subshell_id if isinstance(subshell_id, str) else None,
    )
