"""Variables: setting and removing them."""

from __future__ import annotations

from sqlalchemy import delete

from alisio.contract.ids import new_id
from alisio.contract.variables import VariableSet
from alisio_server.database.around_tables import variable
from alisio_server.errors import ConflictError, NotFoundError
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction


def set_variable(tx: Transaction, wanted: VariableSet) -> None:
    """Give a variable its value and tags; it is made where it is not there.

    Args:
        tx: The transaction.
        wanted: Its name, value and tags, and whether one that is there is overwritten.

    Raises:
        ConflictError: `variable_exists`: it is there, and is not to be overwritten.
    """
    now = tx.now()
    statement = insert_into(tx, variable).values(
        id=new_id(), name=wanted.name, value=wanted.value, tags=wanted.tags, created=now, updated=now
    )
    changes = {name: statement.excluded[name] for name in ("value", "tags", "updated")}
    if wanted.overwrite:
        tx.connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changes))
        return
    if tx.connection.execute(statement.on_conflict_do_nothing(index_elements=["name"])).rowcount == 0:
        raise ConflictError(
            f"the variable {wanted.name!r} is there already: overwrite it, or choose another name",
            code="variable_exists",
            field="name",
        )


def delete_variable(tx: Transaction, name: str) -> None:
    """Remove a variable.

    Raises:
        NotFoundError: There is none of that name.
    """
    if tx.connection.execute(delete(variable).where(variable.c.name == name)).rowcount == 0:
        raise NotFoundError(f"there is no variable {name!r}", code="variable_not_found", field="name")
