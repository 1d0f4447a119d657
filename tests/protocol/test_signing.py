"""Signatures: who may speak, once per message, with bounded memory."""

from __future__ import annotations

import hashlib
import hmac
import tracemalloc

import pytest

from async_kernel.errors import ConnectionFileError, SignatureError
from async_kernel.protocol.signing import Signer

FRAMES = [b"header", b"parent", b"metadata", b"content"]


@pytest.mark.parametrize("scheme", ["hmac-sha256", "hmac-sha512", "hmac-md5"])
def test_the_digest_is_that_of_the_messaging_spec(scheme: str) -> None:
    expected = hmac.new(b"key", b"".join(FRAMES), getattr(hashlib, scheme[5:])).hexdigest().encode()
    assert Signer(b"key", scheme).sign(FRAMES) == expected


@pytest.mark.parametrize("length", [1, 63, 64, 65, 200])
def test_a_key_of_any_length_signs_as_hmac_does(length: int) -> None:
    key = bytes(range(length))
    expected = hmac.new(key, b"".join(FRAMES), "sha256").hexdigest().encode()
    assert [Signer(key).sign(FRAMES) for _ in range(2)] == [expected, expected]


def test_a_digest_is_accepted_once() -> None:
    digest = Signer(b"key").sign(FRAMES)
    signer = Signer(b"key")
    signer.verify(digest, FRAMES)
    with pytest.raises(SignatureError, match="seen before"):
        signer.verify(digest, FRAMES)


def test_the_same_message_again_in_other_letters_is_refused() -> None:
    digest = Signer(b"key").sign(FRAMES)
    signer = Signer(b"key")
    signer.verify(digest, FRAMES)
    with pytest.raises(SignatureError):
        signer.verify(digest.upper(), FRAMES)


@pytest.mark.parametrize("digest", [b"", b"0" * 64, Signer(b"other").sign(FRAMES), "ü".encode(), b"\xff"])
def test_a_wrong_or_absent_digest_is_refused(digest: bytes) -> None:
    with pytest.raises(SignatureError):
        Signer(b"key").verify(digest, FRAMES)


@pytest.mark.parametrize("place", range(4))
def test_each_frame_is_signed(place: int) -> None:
    digest = Signer(b"key").sign(FRAMES)
    changed = [*FRAMES]
    changed[place] += b" "
    with pytest.raises(SignatureError):
        Signer(b"key").verify(digest, changed)


def test_a_refused_digest_is_not_remembered() -> None:
    digest = Signer(b"key").sign(FRAMES)
    signer = Signer(b"key")
    with pytest.raises(SignatureError):
        signer.verify(digest, FRAMES[:3])
    signer.verify(digest, FRAMES)


def test_without_a_key_nothing_is_signed_or_checked() -> None:
    signer = Signer(b"")
    assert signer.sign(FRAMES) == b""
    for _ in range(2):
        signer.verify(b"whatever", FRAMES)


@pytest.mark.parametrize("key", [b"", b"key"])
@pytest.mark.parametrize("scheme", ["", "hmac", "hmac-", "hmac-rot13", "sha256", "hmac-shake_128", "hmac-sha256 "])
def test_an_unknown_scheme_is_a_fault_of_the_connection_file(scheme: str, key: bytes) -> None:
    with pytest.raises(ConnectionFileError, match="signature scheme"):
        Signer(key, scheme)


def test_every_message_is_remembered_at_eight_bytes_each() -> None:
    sender, signer = Signer(b"key"), Signer(b"key")
    messages = [[b"%d" % number] for number in range(140_000)]
    tracemalloc.start()
    try:
        for frames in messages:
            signer.verify(sender.sign(frames), frames)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 16 * len(messages)
    for frames in (*messages[:100], *messages[-100:]):
        with pytest.raises(SignatureError, match="seen before"):
            signer.verify(sender.sign(frames), frames)
    assert len(signer._seen) == len(messages)
