"""A cipher whose keys are data keys of AWS KMS: one for everything that is encrypted, stored with it in encrypted form.

KMS gets the context along (its "encryption context"), so it decrypts a data key for the row alone that it was made for,
and CloudTrail names the row. https://docs.aws.amazon.com/kms/latest/developerguide/kms-cryptography.html#enveloping
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alisio_server.adapters.aws.calls import code_of, quick, reached
from alisio_server.adapters.sealing import header_of, seal, unreadable, unseal
from alisio_server.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PURPOSE = {"application": "alisio"}
"""A part of every context; the functions' policy allows nothing without it."""
KEPT_SECONDS = 300.0
"""For how long a data key that KMS has decrypted is used again."""
KEPT_KEYS = 256
"""How many of them are kept."""
_SERVICE = "AWS KMS"
_NOT_OURS = frozenset({"InvalidCiphertextException", "IncorrectKeyException", "NotFoundException"})


class KmsCipher:
    """Encrypts with data keys of one key of KMS. Safe to use from several threads.

    Args:
        client: Of the region of the key.
        key_arn: The key.
        clock: Seconds that never go back.
    """

    def __init__(self, client: KMSClient, key_arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._key_arn = key_arn
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[bytes, tuple[tuple[str, str], ...]], tuple[bytes, float]] = OrderedDict()

    def encrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt content; see `Cipher`.

        Raises:
            UnavailableError: KMS cannot be used.
        """
        whole = {**context, **PURPOSE}
        with _available():
            made = self._client.generate_data_key(KeyId=self._key_arn, KeySpec="AES_256", EncryptionContext=whole)
        return seal(made["Plaintext"], made["CiphertextBlob"], content, whole)

    def decrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt content; see `Cipher`.

        Raises:
            ConflictError: The content is not what was encrypted in this context, or its key is gone.
            UnavailableError: KMS cannot be used.
        """
        whole = {**context, **PURPOSE}
        return unseal(self._data_key(header_of(content), whole), content, whole)

    def _data_key(self, encrypted: bytes, context: dict[str, str]) -> bytes:
        wanted = (encrypted, tuple(sorted(context.items())))
        with self._lock:
            found = self._kept.get(wanted)
            if found is not None and self._clock() - found[1] < KEPT_SECONDS:
                return found[0]
        key = self._decrypt(encrypted, context)
        with self._lock:
            self._kept[wanted] = key, self._clock()
            self._kept.move_to_end(wanted)
            if len(self._kept) > KEPT_KEYS:
                self._kept.popitem(last=False)
        return key

    def _decrypt(self, encrypted: bytes, context: dict[str, str]) -> bytes:
        from botocore.exceptions import ClientError

        with _available():
            try:
                answer = self._client.decrypt(KeyId=self._key_arn, CiphertextBlob=encrypted, EncryptionContext=context)
            except ClientError as error:
                if code_of(error) in _NOT_OURS:
                    reason = f"{self._key_arn} is not the key that they were encrypted with, or they were changed"
                    raise unreadable(f"{reason}: restore the key, or save the block anew") from error
                raise
        return answer["Plaintext"]


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
