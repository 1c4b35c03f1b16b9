"""The form of what is encrypted with a key file: which key it takes, and AES-256-GCM over content and context.

    "ali1" | length of the header (2 bytes) | header | nonce (12 bytes) | ciphertext with its tag

The header names the key. Header and context are authenticated, so what was encrypted for one row is refused in the
place of another. AES-GCM: NIST SP 800-38D.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from alisio_server.errors import unreadable_secrets

KEY_BYTES = 32
_MAGIC = b"ali1"
_NONCE_BYTES = 12
_START = len(_MAGIC) + 2


def seal(key: bytes, header: bytes, content: bytes, context: Mapping[str, str]) -> bytes:
    """Encrypt content.

    Args:
        key: 32 bytes.
        header: What tells the key; 65,535 bytes at most.
        content: What to encrypt.
        context: What it belongs to.
    """
    # A tenth of a second's import that only those pay who have secrets.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    front = _MAGIC + len(header).to_bytes(2) + header
    nonce = os.urandom(_NONCE_BYTES)
    return front + nonce + AESGCM(key).encrypt(nonce, content, front + _written(context))


def header_of(sealed: bytes) -> bytes:
    """Read what tells the key.

    Raises:
        ConflictError: This is nothing that `seal` has made.
    """
    length = int.from_bytes(sealed[len(_MAGIC) : _START])
    if not sealed.startswith(_MAGIC) or len(sealed) < _START + length + _NONCE_BYTES:
        raise unreadable_secrets("what is stored in the place of them is damaged: save the block anew")
    return sealed[_START : _START + length]


def unseal(key: bytes, sealed: bytes, context: Mapping[str, str]) -> bytes:
    """Decrypt content.

    Args:
        key: The one it was encrypted with.
        sealed: What `seal` gave.
        context: What was given to it.

    Raises:
        ConflictError: Key or context are others, or it was changed.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    end = _START + len(header_of(sealed))
    front, nonce, ciphertext = sealed[:end], sealed[end : end + _NONCE_BYTES], sealed[end + _NONCE_BYTES :]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, front + _written(context))
    except InvalidTag:
        reason = "they were changed, or the key of that name is another one now"
        raise unreadable_secrets(f"{reason}: put the right key back, or save the block anew") from None


def _written(context: Mapping[str, str]) -> bytes:
    return json.dumps(dict(context), sort_keys=True, separators=(",", ":")).encode()
