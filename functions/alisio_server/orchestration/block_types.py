"""Block types: registering and removing them."""

from __future__ import annotations

from sqlalchemy import delete, select

from alisio.contract.block_secrets import secret_patterns
from alisio.contract.blocks import BlockTypeSpec, schema_checksum
from alisio.contract.ids import new_id
from alisio_server.database.block_tables import block_document, block_reference, block_schema, block_type
from alisio_server.database.queries.blocks import no_such_type
from alisio_server.errors import ConflictError, InvalidInputError
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction


def register_block_type(tx: Transaction, slug: str, spec: BlockTypeSpec) -> None:
    """Make a block type, or make it like this; documents keep the schemas that they were saved with.

    Args:
        tx: The transaction.
        slug: What it is known by.
        spec: What it is to be.

    Raises:
        InvalidInputError: The secrets of its schema cannot be found.
    """
    schema, now = spec.block_schema, tx.now()
    try:
        patterns = secret_patterns(schema.fields)
    except ValueError as error:
        message = f"the schema of {slug} cannot be used: {error}"
        raise InvalidInputError(message, code="invalid_schema", field="block_schema.fields") from error
    checksum = schema_checksum(schema.fields)
    changes = spec.model_dump(exclude={"block_schema"}) | {"schema_checksum": checksum, "updated": now}
    made = insert_into(tx, block_type).values(id=new_id(), slug=slug, created=now, **changes)
    tx.connection.execute(made.on_conflict_do_update(index_elements=["slug"], set_=changes))
    type_id = tx.connection.execute(select(block_type.c.id).where(block_type.c.slug == slug)).scalar_one()
    told = {"capabilities": schema.capabilities, "version": schema.version, "secret_fields": patterns}
    known = insert_into(tx, block_schema).values(
        block_type_id=type_id, checksum=checksum, fields=schema.fields, created=now, **told
    )
    tx.connection.execute(known.on_conflict_do_update(index_elements=["block_type_id", "checksum"], set_=told))


def delete_block_type(tx: Transaction, slug: str) -> None:
    """Remove a block type with its documents.

    Raises:
        NotFoundError: There is none such.
        ConflictError: `block_document_in_use`: documents of other types hold one of them.
    """
    type_id = tx.connection.execute(select(block_type.c.id).where(block_type.c.slug == slug)).scalar()
    if type_id is None:
        raise no_such_type(slug)
    holder, held = block_document.alias(), block_document.alias()
    foreign = (
        select(holder.c.name, held.c.name)
        .select_from(block_reference)
        .join(holder, holder.c.id == block_reference.c.holder_id)
        .join(held, held.c.id == block_reference.c.held_id)
        .where(held.c.block_type_id == type_id, holder.c.block_type_id != type_id)
    )
    in_use = tx.connection.execute(foreign.limit(1)).first()
    if in_use is not None:
        message = f"the block {slug}/{in_use[1]} is held by the block {in_use[0]!r}: change or delete that first"
        raise ConflictError(message, code="block_document_in_use")
    # First, as PostgreSQL looks after each cascade whether what is gone is held.
    inside = select(block_document.c.id).where(block_document.c.block_type_id == type_id)
    tx.connection.execute(delete(block_reference).where(block_reference.c.holder_id.in_(inside)))
    tx.connection.execute(delete(block_type).where(block_type.c.id == type_id))
