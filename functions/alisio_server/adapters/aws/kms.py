"""A cipher that has AWS KMS encrypt and decrypt: neither a key nor a library of ciphers comes to the server.

    "akms" | id (16 bytes) | for each chunk its length (2 bytes) and what KMS made of it

KMS encrypts 4,096 bytes at once, so what is longer goes there in chunks. The "encryption context", which KMS
authenticates, binds each to the row, to the id (of this one encryption), to its number and to how many there are. So
KMS itself refuses a chunk of another row, another encryption or another place, and all of them where one is missing;
and CloudTrail names the row. https://docs.aws.amazon.com/kms/latest/developerguide/encrypt_context.html

Nothing that was decrypted is kept: each reading is in CloudTrail, and a key that is disabled ends them at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alisio_server.adapters.aws.calls import code_of, quick, reached
from alisio_server.errors import UnavailableError, unreadable_secrets

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PURPOSE = {"application": "alisio"}
"""A part of every context; the functions' policy allows nothing without it."""
CHUNK_BYTES = 4096
"""What KMS encrypts at most at once: https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html"""
_AT_ONCE = 8
"""How many chunks are under way; boto3 keeps 10 connections."""
_FIRST = b"\0"
"""Stands before the content, because KMS encrypts no empty one."""
_MAGIC = b"akms"
_ID_BYTES = 16
_START = len(_MAGIC) + _ID_BYTES
_SERVICE = "AWS KMS"
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "NotFoundException"})


class KmsCipher:
    """Encrypts with one key of KMS. Safe to use from several threads.

    Args:
        client: Of the region of the key.
        key_arn: The key.
    """

    def __init__(self, client: KMSClient, key_arn: str) -> None:
        self._client = client
        self._key_arn = key_arn

    def encrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt content; see `Cipher`.

        Raises:
            UnavailableError: KMS cannot be used.
        """
        id_, whole = os.urandom(_ID_BYTES), _FIRST + content
        chunks = [whole[at : at + CHUNK_BYTES] for at in range(0, len(whole), CHUNK_BYTES)]
        return pack(id_, _each(self._encrypt, chunks, _contexts(context, id_, len(chunks))))

    def decrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt content; see `Cipher`.

        Raises:
            ConflictError: The content is not what was encrypted in this context, or its key is gone.
            UnavailableError: KMS cannot be used.
        """
        id_, chunks = unpack(content)
        whole = b"".join(_each(self._decrypt, chunks, _contexts(context, id_, len(chunks))))
        return whole.removeprefix(_FIRST)

    def _encrypt(self, chunk: bytes, context: Mapping[str, str]) -> bytes:
        with _available():
            answer = self._client.encrypt(KeyId=self._key_arn, Plaintext=chunk, EncryptionContext=context)
        return answer["CiphertextBlob"]

    def _decrypt(self, chunk: bytes, context: Mapping[str, str]) -> bytes:
        from botocore.exceptions import ClientError

        with _available():
            try:
                answer = self._client.decrypt(KeyId=self._key_arn, CiphertextBlob=chunk, EncryptionContext=context)
            except ClientError as error:
                if code_of(error) in _NOT_OURS:
                    reason = f"{self._key_arn} is not the key that they were encrypted with, or they were changed"
                    raise unreadable_secrets(f"{reason}: restore the key, or save the block anew") from error
                raise
        return answer["Plaintext"]


def pack(id_: bytes, chunks: Sequence[bytes]) -> bytes:
    """Put encrypted chunks together.

    Args:
        id_: 16 bytes, of this encryption alone.
        chunks: What KMS made of each; 6,144 bytes at most.
    """
    return _MAGIC + id_ + b"".join(len(chunk).to_bytes(2) + chunk for chunk in chunks)


def unpack(sealed: bytes) -> tuple[bytes, list[bytes]]:
    """Take apart what `pack` put together.

    Raises:
        ConflictError: This is nothing of that form.
    """
    chunks, at = [], _START
    while at < len(sealed):
        start, at = at + 2, at + 2 + int.from_bytes(sealed[at : at + 2])
        chunks.append(sealed[start:at])
    if not sealed.startswith(_MAGIC) or at != len(sealed) or not chunks or not all(chunks):
        raise unreadable_secrets("what is stored in the place of them is damaged: save the block anew")
    return sealed[len(_MAGIC) : _START], chunks


def _contexts(context: Mapping[str, str], id_: bytes, count: int) -> list[dict[str, str]]:
    """Say what each chunk is bound to."""
    common = {**context, **PURPOSE, "encryption": id_.hex(), "chunks": str(count)}
    return [{**common, "chunk": str(number)} for number in range(1, count + 1)]


def _each(
    work: Callable[[bytes, Mapping[str, str]], bytes], chunks: list[bytes], contexts: list[dict[str, str]]
) -> list[bytes]:
    """Do the work for each chunk, for several at a time; the first error ends it."""
    if len(chunks) == 1:
        return [work(chunks[0], contexts[0])]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(len(chunks), _AT_ONCE)) as pool:
        return list(pool.map(work, chunks, contexts))


@contextmanager
def _available() -> Iterator[None]:
    try:
        with reached(_SERVICE):
            yield
    except OSError as error:
        raise UnavailableError(str(error), code="kms_unavailable") from error


def open_kms(key_arn: str) -> KmsCipher:
    """Open a key, with the region, credentials and endpoint that boto3 finds by itself. Nothing is asked yet."""
    import boto3

    return KmsCipher(boto3.client("kms", config=quick()), key_arn)
