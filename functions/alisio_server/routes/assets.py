"""Assets, their materializations and their lineage. Keys are URIs, whose slashes fit in no path, so they are sent."""

from __future__ import annotations

from alisio.contract.assets import (
    AssetFilter,
    AssetQuery,
    AssetRecord,
    AssetsDelete,
    Lineage,
    LineageQuery,
    Materialization,
    MaterializationQuery,
)
from alisio.contract.base import Count, Page
from alisio_server.access.rules import Access
from alisio_server.database.queries import assets as queries
from alisio_server.orchestration import assets
from alisio_server.routes.support import Resource

resource = Resource("Assets")


@resource.route("POST", "/api/assets/filter", access=Access.READ)
def filter_assets(query: AssetQuery) -> Page[AssetRecord]:
    """List assets."""
    with resource.services.database.read() as connection:
        return queries.filter_assets(connection, query)


@resource.route("POST", "/api/assets/count", access=Access.READ)
def count_assets(wanted: AssetFilter) -> Count:
    """Count assets, exactly up to 10,000."""
    with resource.services.database.read() as connection:
        return queries.count_assets(connection, wanted)


@resource.route("POST", "/api/assets/materializations/filter", access=Access.READ)
def filter_materializations(query: MaterializationQuery) -> Page[Materialization]:
    """List materializations of assets."""
    with resource.services.database.read() as connection:
        return queries.filter_materializations(connection, query)


@resource.route("POST", "/api/assets/lineage", access=Access.READ)
def get_lineage(query: LineageQuery) -> Lineage:
    """Tell what an asset is made from, and what is made from it."""
    with resource.services.database.read() as connection:
        return queries.read_lineage(connection, query)


@resource.route("POST", "/api/assets/delete", access=Access.KEEP)
def delete_assets(wanted: AssetsDelete) -> Count:
    """Forget assets, with their materializations and lineage."""
    with resource.services.transaction() as tx:
        return Count(count=assets.delete_assets(tx, wanted.keys))
