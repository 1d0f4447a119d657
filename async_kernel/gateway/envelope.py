"""The encryption in which a kernel tells a gateway where it is: the gateway's, byte for byte.

Its weak points are in SECURITY.md: nothing shows the gateway who has sealed an envelope.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from Cryptodome.Cipher import AES, PKCS1_v1_5
from Cryptodome.PublicKey import RSA
from Cryptodome.Random import get_random_bytes
from Cryptodome.Util.Padding import pad

from async_kernel.errors import GatewayError

__all__ = ["VERSION", "seal"]

VERSION = 1
"""The version of the format."""

KEY_BYTES = 16


def seal(public_key: str, content: Mapping[str, Any]) -> bytes:
    """Bytes that the holder of the private key alone can read: `content` as JSON in AES, and its key in RSA.

    `public_key` is the gateway's, base64 of DER. GatewayError where it is no such key, or too short for one.
    """
    try:
        rsa = RSA.import_key(b64decode(public_key, validate=True))
        key = get_random_bytes(KEY_BYTES)
        sealed_key = PKCS1_v1_5.new(rsa).encrypt(key)
    except (ValueError, IndexError, TypeError):
        raise GatewayError(
            "The public key of the gateway cannot be read.",
            "Give it as the gateway does: --public-key={public_key} in the argv of the kernel spec.",
        ) from None
    text = pad(json.dumps(content).encode(), AES.block_size)
    envelope = {
        "version": VERSION,
        "key": b64encode(sealed_key).decode(),
        "conn_info": b64encode(AES.new(key, AES.MODE_ECB).encrypt(text)).decode(),
    }
    return b64encode(json.dumps(envelope).encode())
