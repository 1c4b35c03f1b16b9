"""A cipher whose keys lie in a file of their own, beside the database and for its owner alone.

Each line is `name base64-of-32-bytes`. The first one encrypts; each decrypts what was encrypted with it, so a key is
turned over by a new line above the others.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path

from alisio.contract.ids import new_id
from alisio_server.adapters.laptop.sealing import KEY_BYTES, header_of, seal, unseal
from alisio_server.errors import UnavailableError, unreadable_secrets


class KeyFileCipher:
    """Encrypts with the keys of a file, which is made when something is encrypted first.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def encrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt content; see `Cipher`.

        Raises:
            UnavailableError: The file cannot be made, or not be read.
        """
        keys = self._read() or self._make()
        name, key = next(iter(keys.items()))
        return seal(key, name.encode(), content, context)

    def decrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt content; see `Cipher`.

        Raises:
            ConflictError: The key is not in the file, or the content is not what was encrypted in this context.
            UnavailableError: The file cannot be read.
        """
        name = header_of(content).decode(errors="replace")
        key = self._read().get(name)
        if key is None:
            found = "that file is gone" if not self._path.exists() else f"the file {self._path.name} has no such key"
            raise unreadable_secrets(
                f"they take the key {name!r} of the server's key file {self._path.name}, and {found}: "
                "put it back from a backup, or save the block anew"
            )
        return unseal(key, content, context)

    def _read(self) -> dict[str, bytes]:
        """Read the keys by name, in the order of the file; none where there is no file."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise self._unusable(getattr(error, "strerror", None) or "it is not text") from error
        keys: dict[str, bytes] = {}
        for number, line in enumerate(lines, 1):
            if line.strip() and not line.startswith("#"):
                name, key = self._parse(line, number)
                keys.setdefault(name, key)
        if not keys:
            raise self._unusable("there is no key in it")
        return keys

    def _parse(self, line: str, number: int) -> tuple[str, bytes]:
        name, _, text = line.strip().partition(" ")
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            # Not chained, and without the line: it is a secret.
            raise self._unusable(f"line {number} is to be NAME and {KEY_BYTES} bytes in base64") from None
        return name, key

    def _make(self) -> dict[str, bytes]:
        """Make the file with one key, or read the one that somebody else makes at this moment."""
        line = f"{new_id().hex} {base64.b64encode(os.urandom(KEY_BYTES)).decode()}\n"
        draft = self._path.with_name(f".{self._path.name}.{new_id().hex}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(line)
                file.flush()
                # Whatever is encrypted with it is lost without it.
                os.fsync(descriptor)
            # It appears whole, and only where there is none.
            os.link(draft, self._path)
        except FileExistsError:
            pass
        except OSError as error:
            raise self._unusable(error.strerror or str(error)) from error
        finally:
            draft.unlink(missing_ok=True)
        return self._read()

    def _unusable(self, reason: str) -> UnavailableError:
        return UnavailableError(
            f"the server's key file {self._path} cannot be used: {reason}", code="key_file_unusable"
        )
