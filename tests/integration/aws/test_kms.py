"""The cipher with keys of KMS."""

from __future__ import annotations

import boto3
import pytest
from botocore.stub import Stubber

from alisio_server.adapters.aws.kms import CHUNK_BYTES, KmsCipher, open_kms, pack, unpack
from alisio_server.errors import ConflictError, UnavailableError
from tests.integration.aws.conftest import Stage, client_of_nothing

CONTEXT = {"table": "block_document", "id": "1"}
LARGE = bytes(range(256)) * 40
"""Of three chunks."""


def new_key() -> str:
    """Make a key; returns its ARN."""
    arn: str = boto3.client("kms").create_key()["KeyMetadata"]["Arn"]
    return arn


def test_what_is_encrypted_is_decrypted(stage: Stage) -> None:
    """Another environment reads it with the same key, whatever its size."""
    arn = new_key()
    contents = [b"swordfish", b"", b"\0\0", b"x" * (CHUNK_BYTES - 1), b"x" * CHUNK_BYTES, LARGE]
    sealed = [open_kms(arn).encrypt(content, CONTEXT) for content in contents]

    assert contents == [open_kms(arn).decrypt(one, CONTEXT) for one in sealed]


def test_the_content_is_nowhere_in_what_is_stored(moto: Stage) -> None:
    """Twice the same is not the same either, so nobody can tell that a secret was not changed."""
    cipher = open_kms(new_key())
    first, second = cipher.encrypt(b"swordfish", CONTEXT), cipher.encrypt(b"swordfish", CONTEXT)

    assert b"swordfish" not in first + second
    assert first != second


def test_kms_is_called_once_for_each_chunk(moto: Stage) -> None:
    """So most secrets take one call, and KMS is never given more than it takes."""
    client = boto3.client("kms")
    given: list[int] = []
    client.meta.events.register(
        "provide-client-params.kms.Encrypt", lambda params, **_: given.append(len(params["Plaintext"]))
    )
    cipher = KmsCipher(client, new_key())
    for size, calls in {9: 1, CHUNK_BYTES - 1: 1, CHUNK_BYTES: 2, 10 * CHUNK_BYTES: 11}.items():
        given.clear()
        cipher.encrypt(bytes(size), CONTEXT)

        assert (calls, size + 1) == (len(given), sum(given))
        assert CHUNK_BYTES >= max(given)


def test_kms_itself_refuses_another_row(moto: Stage) -> None:
    """The row is in the encryption context, so nothing is decrypted in the place of another one."""
    cipher = open_kms(new_key())
    sealed = cipher.encrypt(b"x", CONTEXT)

    with pytest.raises(ConflictError, match="is not the key that they were encrypted with, or they were changed"):
        cipher.decrypt(sealed, {**CONTEXT, "id": "2"})


def test_kms_itself_refuses_chunks_that_are_not_all_in_their_places(moto: Stage) -> None:
    """Who can write the database can neither rearrange nor shorten a secret, nor mix two that the row had."""
    cipher = open_kms(new_key())
    (id_, [first, second, third]), (_, older) = (unpack(cipher.encrypt(LARGE, CONTEXT)) for _ in range(2))
    changed = {
        "swapped": [second, first, third],
        "cut off": [first, second],
        "the first alone": [first],
        "one left out": [first, third],
        "one twice": [first, second, third, third],
        "one in place of another": [first, first, third],
        "one of an older saving": [first, older[1], third],
        "one bit": [first, second[:-1] + bytes([second[-1] ^ 1]), third],
    }

    assert LARGE == cipher.decrypt(pack(id_, [first, second, third]), CONTEXT)
    for how, chunks in changed.items():
        with pytest.raises(ConflictError, match="or they were changed") as caught:
            pytest.fail(f"{how}: {cipher.decrypt(pack(id_, chunks), CONTEXT)[:40]!r}")
        assert "secrets_unreadable" == caught.value.code


@pytest.mark.parametrize(
    "stored",
    [
        *(b"", b"akms", b"ali1" + bytes(40), b"plain text of some length, no more"),
        *(pack(bytes(16), []), pack(bytes(16), [b""])),
        *(pack(bytes(16), [b"x"]) + b"\0", pack(bytes(16), [b"chunk"])[:-1]),
    ],
)
def test_what_was_never_encrypted_is_damaged(stored: bytes) -> None:
    """Bytes of another form are told without asking KMS."""
    cipher = KmsCipher(client_of_nothing("kms"), "arn:aws:kms:eu-west-1:123456789012:key/x")

    with pytest.raises(ConflictError, match="damaged"):
        cipher.decrypt(stored, CONTEXT)


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


def test_kms_that_is_away_is_unavailable() -> None:
    """It is said in one line, with a status that clients try again."""
    cipher = KmsCipher(client_of_nothing("kms"), "arn:aws:kms:eu-west-1:123456789012:key/x")

    with pytest.raises(UnavailableError, match="AWS KMS cannot be used"):
        cipher.encrypt(b"x", CONTEXT)
