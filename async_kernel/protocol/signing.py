"""Signatures: who may speak to the kernel (messaging spec, "The wire protocol").

A digest is checked before anything else is looked at, then remembered for as long as the process lives, so that a
recorded message cannot be sent again. A restart with the same key forgets: clients sign no date that could be trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from hmac import compare_digest
from typing import Any

from async_kernel.errors import ConnectionFileError, SignatureError

from .seen import SeenDigests

__all__ = ["Signer"]


class Signer:
    """Signs and verifies the four JSON frames of a message.

    `key` is the connection file's key; an empty key turns signing off, as the messaging spec says.
    `scheme` is the connection file's signature_scheme, for example "hmac-sha256"; an unknown one is a
    ConnectionFileError.
    """

    def __init__(self, key: bytes, scheme: str = "hmac-sha256") -> None:
        method, _, name = scheme.partition("-")
        hashes = _hashes(key, name) if method == "hmac" and name in hashlib.algorithms_available else None
        if hashes is None:
            raise ConnectionFileError(
                f"The signature scheme {scheme!r} of the connection file is unknown.",
                next_step='Jupyter writes "hmac-sha256".',
            )
        self._hashes = hashes if key else None
        self._seen = SeenDigests()

    def sign(self, frames: Iterable[bytes]) -> bytes:
        """The hex digest of `frames` (header, parent header, metadata, content), b"" without a key."""
        if self._hashes is None:
            return b""
        inner, outer = self._hashes
        hashed = inner.copy()
        hashed.update(b"".join(frames))  # a call for each frame takes longer than the copy
        both = outer.copy()
        both.update(hashed.digest())
        digest: str = both.hexdigest()
        return digest.encode()

    def verify(self, digest: bytes, frames: Iterable[bytes]) -> None:
        """Accept a digest once. Raises SignatureError when it is absent, wrong or was seen before."""
        if self._hashes is None:
            return
        if not compare_digest(self.sign(frames), digest):
            raise SignatureError("The signature of a message is wrong: its sender does not have this kernel's key.")
        if not self._seen.add(digest):
            raise SignatureError("A message was seen before: it may have been recorded and sent again.")


def _hashes(key: bytes, name: str) -> tuple[Any, Any] | None:
    """The inner and outer hash of HMAC (RFC 2104), which have taken in the key and are copied for each message: with
    `hmac` a message takes three times as long. None for an algorithm that is not allowed, or whose digests have no
    fixed length, as those of "shake_128".

    The digest of a message is that of the outer hash, updated with the digest of the inner one, updated with it.
    """
    try:
        digest_size, size = hashlib.new(name).digest_size, hashlib.new(name).block_size
    except ValueError:  # there, and not allowed
        return None
    if not digest_size:
        return None
    padded = (key if len(key) <= size else hashlib.new(name, key).digest()).ljust(size, b"\0")
    inner, outer = (hashlib.new(name, bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C))
    return inner, outer
