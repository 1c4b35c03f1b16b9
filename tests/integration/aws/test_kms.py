"""The cipher with keys of KMS."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from alisio_server.adapters.aws.kms import KEPT_KEYS, KEPT_SECONDS, KmsCipher, open_kms
from alisio_server.errors import ConflictError, UnavailableError
from tests.integration.aws.conftest import Stage, client_of_nothing

CONTEXT = {"table": "block_document", "id": "1"}


class Counting:
    """A client of KMS that counts its calls."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.exceptions = client.exceptions
        self.calls: list[str] = []

    def generate_data_key(self, **given: Any) -> Any:
        self.calls.append("generate")
        return self._client.generate_data_key(**given)

    def decrypt(self, **given: Any) -> Any:
        self.calls.append("decrypt")
        return self._client.decrypt(**given)


def new_key() -> str:
    """Make a key; returns its ARN."""
    arn: str = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_what_is_encrypted_is_decrypted(stage: Stage) -> None:
    """Another environment reads it with the same key; the content is nowhere in it."""
    arn = new_key()
    sealed = open_kms(arn).encrypt(b"swordfish", CONTEXT)

    assert b"swordfish" == open_kms(arn).decrypt(sealed, CONTEXT)
    assert b"swordfish" not in sealed


def test_kms_itself_refuses_another_row(moto: Stage) -> None:
    """The row is in the encryption context, so its data key is not decrypted for another one."""
    cipher = open_kms(new_key())
    sealed = cipher.encrypt(b"x", CONTEXT)

    with pytest.raises(ConflictError, match="is not the key that they were encrypted with"):
        cipher.decrypt(sealed, {**CONTEXT, "id": "2"})


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("IncorrectKeyException", ConflictError),
        ("NotFoundException", ConflictError),
        ("KMSInvalidStateException", UnavailableError),
        ("AccessDeniedException", UnavailableError),
    ],
)
def test_a_key_that_is_another_one_is_told_from_one_that_cannot_be_used(
    moto: Stage, code: str, kind: type[Exception]
) -> None:
    """What another key has encrypted stays unreadable; a key that is disabled or forbidden may be tried again."""
    arn = new_key()
    sealed = open_kms(arn).encrypt(b"x", CONTEXT)
    client = boto3.client("kms")
    with Stubber(client) as stub, pytest.raises(kind):
        stub.add_client_error("decrypt", code)
        KmsCipher(client, arn).decrypt(sealed, CONTEXT)


def test_data_keys_are_kept_for_a_while(moto: Stage) -> None:
    """What is read again within five minutes asks KMS once; after that it asks again, and each writing asks."""
    now = [0.0]
    client = Counting(boto3.client("kms"))
    cipher = KmsCipher(client, new_key(), lambda: now[0])
    sealed = cipher.encrypt(b"x", CONTEXT)

    for _ in range(3):
        assert b"x" == cipher.decrypt(sealed, CONTEXT)
    now[0] += KEPT_SECONDS
    assert b"x" == cipher.decrypt(sealed, CONTEXT)

    assert ["generate", "decrypt", "decrypt"] == client.calls


def test_no_more_data_keys_are_kept_than_there_is_room_for(moto: Stage) -> None:
    """The oldest goes, and is asked for again."""
    client = Counting(boto3.client("kms"))
    cipher = KmsCipher(client, new_key())
    sealed = [cipher.encrypt(b"x", {"id": str(number)}) for number in range(KEPT_KEYS + 1)]
    for number, one in enumerate(sealed):
        cipher.decrypt(one, {"id": str(number)})
    client.calls.clear()

    cipher.decrypt(sealed[-1], {"id": str(KEPT_KEYS)})
    cipher.decrypt(sealed[0], {"id": "0"})

    assert ["decrypt"] == client.calls


def test_kms_that_is_away_is_unavailable() -> None:
    """It is said in one line, with a status that clients try again."""
    cipher = KmsCipher(client_of_nothing("kms"), "arn:aws:kms:eu-west-1:123456789012:key/x")

    with pytest.raises(UnavailableError, match="AWS KMS cannot be used"):
        cipher.encrypt(b"x", CONTEXT)
