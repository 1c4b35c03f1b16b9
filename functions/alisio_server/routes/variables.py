"""Variables."""

from __future__ import annotations

from aws_lambda_powertools.event_handler import Response

from alisio.contract.base import Count, Page
from alisio.contract.variables import VariableFilter, VariableQuery, VariableRecord, VariableSet
from alisio_server.access.rules import Access
from alisio_server.database.queries import variables as queries
from alisio_server.orchestration import variables
from alisio_server.routes.support import PathName, Resource, no_content

resource = Resource("Variables")
_ONE = "/api/variables/<name>"


@resource.route("POST", "/api/variables", access=Access.KEEP, errors=(409,))
def set_variable(wanted: VariableSet) -> VariableRecord:
    """Give a variable its value."""
    with resource.services.transaction() as tx:
        variables.set_variable(tx, wanted)
        return queries.get_variable(tx.connection, wanted.name)


@resource.route("POST", "/api/variables/filter", access=Access.READ)
def filter_variables(query: VariableQuery) -> Page[VariableRecord]:
    """List variables."""
    with resource.services.database.read() as connection:
        return queries.filter_variables(connection, query)


@resource.route("POST", "/api/variables/count", access=Access.READ)
def count_variables(wanted: VariableFilter) -> Count:
    """Count variables, exactly up to 10,000."""
    with resource.services.database.read() as connection:
        return queries.count_variables(connection, wanted)


@resource.route("GET", _ONE, access=Access.READ, errors=(404,))
def get_variable(name: PathName) -> VariableRecord:
    """Read a variable."""
    with resource.services.database.read() as connection:
        return queries.get_variable(connection, name)


@resource.route("DELETE", _ONE, access=Access.KEEP, status=204, errors=(404,))
def delete_variable(name: PathName) -> Response[None]:
    """Remove a variable."""
    with resource.services.transaction() as tx:
        variables.delete_variable(tx, name)
    return no_content()
