"""Block documents: saving, revealing and removing them. Secrets are encrypted before they reach the database."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, delete, insert, select, update

from alisio.contract.base import JsonObject
from alisio.contract.block_secrets import DataPath, Patterns, join_secrets
from alisio.contract.blocks import (
    BLOCK_REFERENCE,
    MAX_SECRET_BYTES,
    SECRET_MASK,
    BlockDocument,
    BlockDocumentCreate,
    BlockDocumentPatch,
    RevealedBlock,
)
from alisio.contract.ids import new_id
from alisio_server.database.block_tables import block_document, block_reference, block_schema, block_type
from alisio_server.database.queries.blocks import build_document, find_document, find_held, no_such_type
from alisio_server.errors import ConflictError, InvalidInputError, NotFoundError, UnavailableError
from alisio_server.ports import Cipher
from alisio_server.services import Transaction

_TABLE = "block_document"


def save_document(tx: Transaction, cipher: Cipher | None, wanted: BlockDocumentCreate) -> UUID:
    """Make a block document, or make the one of its name like this where it may be overwritten.

    Args:
        tx: The transaction.
        cipher: What its secrets are encrypted with.
        wanted: What it is to be.

    Returns:
        Its id.

    Raises:
        NotFoundError: `block_type_not_found` or `block_schema_not_found`.
        ConflictError: `block_document_exists`, or the secrets that are to stay cannot be decrypted.
        InvalidInputError: It holds a document that there is not, or itself.
        UnavailableError: Its secrets cannot be encrypted at the moment.
    """
    slug, name = wanted.block_type_slug, wanted.name
    type_ = tx.connection.execute(select(block_type).where(block_type.c.slug == slug)).one_or_none()
    if type_ is None:
        raise no_such_type(slug)
    of_name = select(block_document).where(block_document.c.block_type_id == type_.id, block_document.c.name == name)
    existing = tx.connection.execute(of_name.with_for_update()).one_or_none()
    checksum = wanted.schema_checksum or type_.schema_checksum
    if existing is not None:
        if not wanted.overwrite:
            message = f"there is a block {slug}/{name} already: overwrite it, or choose another name"
            raise ConflictError(message, code="block_document_exists", field="name")
        _write(tx, cipher, existing, checksum, wanted.data)
        found: UUID = existing.id
        return found
    document_id, now = new_id(), tx.now()
    shown, secrets = _patterns(tx.connection, type_.id, checksum).split(wanted.data, SECRET_MASK)
    values = {"schema_checksum": checksum, "data": shown, "secrets": _seal(cipher, document_id, secrets)}
    named = {"id": document_id, "block_type_id": type_.id, "name": name}
    tx.connection.execute(insert(block_document).values(**named, **values, created=now, updated=now))
    _hold(tx.connection, document_id, shown)
    return document_id


def change_document(tx: Transaction, cipher: Cipher | None, document_id: UUID, patch: BlockDocumentPatch) -> None:
    """Give a block document other data.

    Args:
        tx: The transaction.
        cipher: What its secrets are encrypted with.
        document_id: The document.
        patch: What changes.

    Raises:
        AlisioServerError: As for `save_document`; `block_document_not_found`.
    """
    find_document(tx.connection, document_id)
    locked = select(block_document).where(block_document.c.id == document_id).with_for_update()
    existing = tx.connection.execute(locked).one()
    _write(tx, cipher, existing, patch.schema_checksum or existing.schema_checksum, patch.data)


def delete_document(tx: Transaction, document_id: UUID) -> None:
    """Remove a block document.

    Raises:
        NotFoundError: There is none such.
        ConflictError: `block_document_in_use`: others hold it.
    """
    found = find_document(tx.connection, document_id)
    holders = (
        select(block_type.c.slug, block_document.c.name)
        .select_from(block_reference)
        .join(block_document, block_document.c.id == block_reference.c.holder_id)
        .join(block_type, block_type.c.id == block_document.c.block_type_id)
        .where(block_reference.c.held_id == document_id)
    )
    holder = tx.connection.execute(holders.limit(1)).first()
    if holder is not None:
        message = f"the block {found.slug}/{found.name} is held by {holder[0]}/{holder[1]}: change or delete that first"
        raise ConflictError(message, code="block_document_in_use")
    tx.connection.execute(delete(block_document).where(block_document.c.id == document_id))


def reveal(connection: Connection, cipher: Cipher | None, row: Row[Any]) -> RevealedBlock:
    """Read a block document with its secrets, and with the documents that it holds.

    Args:
        connection: Where to read.
        cipher: What the secrets are encrypted with.
        row: That of the document, as the queries find it.

    Raises:
        ConflictError: `secrets_unreadable`; the message names the block.
        UnavailableError: The secrets cannot be decrypted at the moment.
    """
    held = {found.id: _reveal_one(cipher, found) for found in find_held(connection, row.id)}
    return RevealedBlock(document=_reveal_one(cipher, row), held=held)


def _reveal_one(cipher: Cipher | None, row: Row[Any]) -> BlockDocument:
    document = build_document(row)
    try:
        secrets = _unseal(cipher, row.id, row.secrets)
    except ConflictError as error:
        message = f"block {row.slug}/{row.name}: {error.message}"
        raise ConflictError(message, code=error.code) from error
    join_secrets(document.data, secrets)
    return document


def _write(tx: Transaction, cipher: Cipher | None, existing: Row[Any], checksum: str, data: JsonObject) -> None:
    """Give a document other data; secrets that are sent as masks stay what they are."""
    shown, secrets = _patterns(tx.connection, existing.block_type_id, checksum).split(data, SECRET_MASK)
    if SECRET_MASK in secrets.values():
        kept = _unseal(cipher, existing.id, existing.secrets)
        secrets = {path: kept.get(path, new) if new == SECRET_MASK else new for path, new in secrets.items()}
    changes = {"schema_checksum": checksum, "data": shown, "secrets": _seal(cipher, existing.id, secrets)}
    changed = update(block_document).where(block_document.c.id == existing.id)
    tx.connection.execute(changed.values(**changes, updated=tx.now()))
    tx.connection.execute(delete(block_reference).where(block_reference.c.holder_id == existing.id))
    _hold(tx.connection, existing.id, shown)


def _patterns(connection: Connection, type_id: UUID, checksum: str) -> Patterns:
    """Read where the secrets of a schema are."""
    of_type = select(block_schema.c.secret_fields).where(
        block_schema.c.block_type_id == type_id, block_schema.c.checksum == checksum
    )
    paths = connection.execute(of_type).scalar()
    if paths is None:
        message = f"the block type has no schema with the checksum {checksum[:100]!r}: register it first"
        raise NotFoundError(message, code="block_schema_not_found", field="schema_checksum")
    return Patterns(tuple(path) for path in paths)


def _hold(connection: Connection, document_id: UUID, shown: JsonObject) -> None:
    """Note which documents a document holds."""
    held = set(_references(shown))
    if not held:
        return
    there = set(connection.execute(select(block_document.c.id).where(block_document.c.id.in_(held))).scalars())
    for missing in sorted(held - there):
        message = f"it holds the block with id {missing}, which is not there: save that first"
        raise InvalidInputError(message, code="held_block_not_found", field="data")
    rows = [{"holder_id": document_id, "held_id": found} for found in held]
    connection.execute(insert(block_reference), rows)
    if document_id in held or document_id in {inner.id for found in held for inner in find_held(connection, found)}:
        raise InvalidInputError("a block cannot hold itself, nor one that holds it", code="block_cycle", field="data")


def _references(value: Any) -> Iterator[UUID]:
    """Find the documents that data refers to."""
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    if not isinstance(value, dict):
        return
    held = value.get(BLOCK_REFERENCE)
    if isinstance(held, dict) and set(held) == {"block_document_id"}:
        try:
            yield UUID(str(held["block_document_id"]))
        except ValueError as error:
            message = f"{BLOCK_REFERENCE} is to have the id of a block, not {str(held['block_document_id'])[:100]!r}"
            raise InvalidInputError(message, field="data") from error
        return
    for item in value.values():
        yield from _references(item)


def _context(document_id: UUID) -> dict[str, str]:
    return {"table": _TABLE, "id": str(document_id)}


def _seal(cipher: Cipher | None, document_id: UUID, secrets: dict[DataPath, Any]) -> bytes | None:
    if not secrets:
        return None
    # As UTF-8: escaped, an emoji would be three times as long, and KMS is called for each 4,096 bytes. Half surrogates
    # pass, as they do where it is read.
    text = json.dumps([[path, value] for path, value in secrets.items()], ensure_ascii=False, separators=(",", ":"))
    content = text.encode("utf-8", "surrogatepass")
    if len(content) > MAX_SECRET_BYTES:
        size = f"its secrets are {len(content):,} bytes as JSON, and may be {MAX_SECRET_BYTES:,} together"
        raise InvalidInputError(f"{size}: put what is larger into a store, and say where it lies", field="data")
    return _demanded(cipher).encrypt(content, _context(document_id))


def _unseal(cipher: Cipher | None, document_id: UUID, sealed: bytes | None) -> dict[DataPath, Any]:
    if sealed is None:
        return {}
    content = _demanded(cipher).decrypt(sealed, _context(document_id))
    return {tuple(path): value for path, value in json.loads(content)}


def _demanded(cipher: Cipher | None) -> Cipher:
    if cipher is None:
        message = "this server was given no key for secrets: deploy it with `alisio cloud deploy`"
        raise UnavailableError(message, code="no_cipher")
    return cipher
