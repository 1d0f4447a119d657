"""Signatures: who may speak to the kernel (messaging spec, "The wire protocol").

A digest is checked before anything else is looked at, then remembered for as long as the process lives, so that a
recorded message cannot be sent again. A restart with the same key forgets: clients sign no date that could be trusted.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

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
        try:
            made = hmac.new(key, digestmod=name) if method == "hmac" and name in hashlib.algorithms_available else None
        except ValueError:  # a digest of no fixed length, as "shake_128"
            made = None
        if made is None:
            raise ConnectionFileError(
                f"The signature scheme {scheme!r} of the connection file is unknown.",
                next_step='Jupyter writes "hmac-sha256".',
            )
        self._hmac = made if key else None
        self._seen = SeenDigests()

    def sign(self, frames: Iterable[bytes]) -> bytes:
        """The hex digest of `frames` (header, parent header, metadata, content), b"" without a key."""
        if self._hmac is None:
            return b""
        digest = self._hmac.copy()
        digest.update(b"".join(frames))  # a call for each frame takes longer than the copy
        return digest.hexdigest().encode()

    def verify(self, digest: bytes, frames: Iterable[bytes]) -> None:
        """Accept a digest once. Raises SignatureError when it is absent, wrong or was seen before."""
        if self._hmac is None:
            return
        if not hmac.compare_digest(self.sign(frames), digest):
            raise SignatureError("The signature of a message is wrong: its sender does not have this kernel's key.")
        if not self._seen.add(digest):
            raise SignatureError("A message was seen before: it may have been recorded and sent again.")
