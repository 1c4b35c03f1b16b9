"""The key file of a laptop, and the form of what is encrypted."""

from __future__ import annotations

import base64
import os
import stat
import threading
from pathlib import Path

import pytest

from alisio_server.adapters.laptop.key_file import KeyFileCipher
from alisio_server.adapters.laptop.sealing import header_of, seal, unseal
from alisio_server.errors import ConflictError, UnavailableError

CONTEXT = {"table": "block_document", "id": "1"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the key file is to be; its folder is not there yet."""
    return tmp_path / "home" / "alisio.db.key"


@pytest.fixture
def cipher(path: Path) -> KeyFileCipher:
    """A cipher with that file."""
    return KeyFileCipher(path)


def test_what_is_encrypted_is_decrypted(cipher: KeyFileCipher, path: Path) -> None:
    """Another process with the file reads it; the content is nowhere in it, and twice the same is not the same."""
    first, second = cipher.encrypt(b"swordfish", CONTEXT), cipher.encrypt(b"swordfish", CONTEXT)

    assert b"swordfish" == KeyFileCipher(path).decrypt(first, CONTEXT) == cipher.decrypt(second, CONTEXT)
    assert b"swordfish" not in first
    assert first != second


def test_the_key_file_is_its_owners_alone(cipher: KeyFileCipher, path: Path) -> None:
    """It is made when something is encrypted first, with mode 600, and nothing lies beside it."""
    assert not path.exists()
    before = os.umask(0)
    try:
        cipher.encrypt(b"x", CONTEXT)
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert [path] == list(path.parent.iterdir())


def test_those_who_come_at_once_share_one_key(path: Path) -> None:
    """Whoever loses the race to make the file uses the winner's key, so that all can be decrypted."""
    ready = threading.Barrier(8)
    sealed: list[bytes] = []

    def encrypt() -> None:
        ready.wait()
        sealed.append(KeyFileCipher(path).encrypt(b"x", CONTEXT))

    threads = [threading.Thread(target=encrypt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [b"x"] * 8 == [KeyFileCipher(path).decrypt(one, CONTEXT) for one in sealed]
    assert [path] == list(path.parent.iterdir())


def test_a_key_is_turned_over_by_a_new_line_above(cipher: KeyFileCipher, path: Path) -> None:
    """The first line encrypts; what an older one has encrypted is decrypted as before."""
    old = cipher.encrypt(b"old", CONTEXT)
    path.write_text(f"# since May\n2026-05 {base64.b64encode(bytes(32)).decode()}\n\n{path.read_text()}")
    new = cipher.encrypt(b"new", CONTEXT)

    assert b"2026-05" == header_of(new)
    assert [b"old", b"new"] == [cipher.decrypt(old, CONTEXT), cipher.decrypt(new, CONTEXT)]


def test_a_key_file_that_is_gone_is_named(cipher: KeyFileCipher, path: Path) -> None:
    """The line names the key and the file, and says what to do; nothing new is made by reading."""
    sealed = cipher.encrypt(b"x", CONTEXT)
    name = path.read_text().split()[0]
    path.unlink()

    with pytest.raises(ConflictError) as caught:
        cipher.decrypt(sealed, CONTEXT)

    assert "secrets_unreadable" == caught.value.code
    assert (
        f"the secrets cannot be decrypted: they take the key {name!r} of the server's key file alisio.db.key, and that "
        "file is gone: put it back from a backup, or save the block anew"
    ) == caught.value.message
    assert not path.exists()


def test_a_key_file_with_other_keys_is_named(cipher: KeyFileCipher, path: Path) -> None:
    """A key that is missing, and one that was replaced under its name, are told apart."""
    sealed = cipher.encrypt(b"x", CONTEXT)
    name = path.read_text().split()[0]
    other = base64.b64encode(bytes(32)).decode()

    path.write_text(f"other {other}\n")
    with pytest.raises(ConflictError, match=r"the file alisio\.db\.key has no such key"):
        cipher.decrypt(sealed, CONTEXT)
    path.write_text(f"{name} {other}\n")
    with pytest.raises(ConflictError, match="the key of that name is another one now"):
        cipher.decrypt(sealed, CONTEXT)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "there is no key in it"),
        ("name\n", "line 1 is to be NAME and 32 bytes in base64"),
        ("name bm90IDMyIGJ5dGVz\n", "line 1 is to be NAME and 32 bytes in base64"),
        (f"a {base64.b64encode(bytes(32)).decode()}\nb ***\n", "line 2 is to be NAME and 32 bytes in base64"),
        (b"\xff\xfe\x00", "it is not text"),
    ],
)
def test_a_key_file_that_cannot_be_read_is_one_line(
    cipher: KeyFileCipher, path: Path, content: str | bytes, reason: str
) -> None:
    """It says which line is wrong, without showing it, and nothing is encrypted meanwhile."""
    path.parent.mkdir()
    path.write_bytes(content.encode() if isinstance(content, str) else content)

    with pytest.raises(UnavailableError) as caught:
        cipher.encrypt(b"x", CONTEXT)

    assert f"the server's key file {path} cannot be used: {reason}" == caught.value.message


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    """Where the key cannot be kept, nothing is encrypted with it."""
    (tmp_path / "file").touch()

    with pytest.raises(UnavailableError, match="cannot be used: Not a directory"):
        KeyFileCipher(tmp_path / "file" / "key").encrypt(b"x", CONTEXT)


def test_what_belongs_to_one_row_is_refused_in_another() -> None:
    """The context is a part of what is authenticated, and so is the header."""
    sealed = seal(bytes(32), b"key", b"content", CONTEXT)

    assert b"content" == unseal(bytes(32), sealed, {"id": "1", "table": "block_document"})
    with pytest.raises(ConflictError, match="they were changed"):
        unseal(bytes(32), sealed, {**CONTEXT, "id": "2"})
    with pytest.raises(ConflictError, match="they were changed"):
        unseal(bytes(32), sealed.replace(b"key", b"kez"), CONTEXT)


@pytest.mark.parametrize("content", [b"", b"ali1", b"plain text of some length, no more", b"ali1\xff\xffshort"])
def test_what_was_never_encrypted_is_damaged(content: bytes) -> None:
    """Bytes of another form are told, whatever they are."""
    with pytest.raises(ConflictError, match="damaged"):
        unseal(bytes(32), content, CONTEXT)
