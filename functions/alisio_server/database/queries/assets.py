"""Reading assets, their materializations, and what is made from what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select, tuple_

from alisio.contract.assets import (
    AssetFilter,
    AssetQuery,
    AssetRecord,
    Lineage,
    LineageEdge,
    LineageQuery,
    Materialization,
    MaterializationFilter,
    MaterializationQuery,
)
from alisio.contract.base import Count, Page
from alisio_server.database.around_tables import asset, asset_dependency, asset_materialization
from alisio_server.database.queries.conditions import any_of, contains
from alisio_server.database.queries.paging import Order, count_rows, read_page

MAX_EDGES = 1_000
_made = asset_materialization.c
_edge = asset_dependency.c
_BY_KEY = Order("assets", (asset.c.key,))
_NEWEST = Order("materializations", (_made.timestamp, _made.task_run_id, _made.asset_key), descending=True)
_ASSETS: Select[Any] = select(asset)


def filter_assets(connection: Connection, query: AssetQuery) -> Page[AssetRecord]:
    """Read a page of assets, by key."""
    statement = _ASSETS.where(*_conditions(query.filter))
    page = read_page(connection, statement, _BY_KEY, _build, limit=query.limit, cursor=query.cursor)
    _add_surroundings(connection, page.items)
    return page


def count_assets(connection: Connection, wanted: AssetFilter) -> Count:
    """Count assets, exactly up to 10,000."""
    return count_rows(connection, select(asset.c.key).where(*_conditions(wanted)))


def filter_materializations(connection: Connection, query: MaterializationQuery) -> Page[Materialization]:
    """Read a page of materializations, the newest first."""
    statement = select(asset_materialization).where(*_conditions_of_made(query.filter))
    return read_page(connection, statement, _NEWEST, _build_made, limit=query.limit, cursor=query.cursor)


def read_lineage(connection: Connection, query: LineageQuery) -> Lineage:
    """Walk from an asset to what it is made from, and to what is made from it, step by step."""
    edges: dict[tuple[str, str], LineageEdge] = {}
    complete = True
    for here, there in ((_edge.asset_key, "upstream"), (_edge.upstream_key, "downstream")):
        seen, frontier = {query.key}, [query.key]
        for _ in range(query.depth):
            found = _edges_at(connection, here, frontier, MAX_EDGES + 1 - len(edges))
            for edge in found:
                edges[edge.upstream, edge.downstream] = edge
            frontier = sorted({getattr(edge, there) for edge in found} - seen)
            seen.update(frontier)
            if not frontier or len(edges) > MAX_EDGES:
                break
        complete &= not frontier or not _edges_at(connection, here, frontier, 1)
    told = [edges[pair] for pair in sorted(edges)][:MAX_EDGES]
    return Lineage(key=query.key, edges=told, complete=complete and len(edges) <= MAX_EDGES)


def _edges_at(connection: Connection, here: ColumnElement[Any], keys: Sequence[str], limit: int) -> list[LineageEdge]:
    order = (_edge.asset_key, _edge.upstream_key)
    statement = select(asset_dependency).where(here.in_(keys)).order_by(*order).limit(limit)
    return [
        LineageEdge(upstream=row.upstream_key, downstream=row.asset_key, last_seen=row.last_seen)
        for row in connection.execute(statement)
    ]


def _add_surroundings(connection: Connection, assets: Sequence[AssetRecord]) -> None:
    """Say of each asset what it is made from, what is made from it, and when it was made last."""
    known = {each.key: each for each in assets}
    if not known:
        return
    near = or_(_edge.asset_key.in_(known), _edge.upstream_key.in_(known))
    statement = select(_edge.asset_key, _edge.upstream_key).where(near)
    for row in connection.execute(statement.order_by(_edge.asset_key, _edge.upstream_key)):
        if row.asset_key in known:
            known[row.asset_key].upstream.append(row.upstream_key)
        if row.upstream_key in known:
            known[row.upstream_key].downstream.append(row.asset_key)
    latest = select(_made.asset_key, func.max(_made.timestamp)).where(_made.asset_key.in_(known))
    last = tuple_(_made.asset_key, _made.timestamp).in_(latest.group_by(_made.asset_key))
    for made in connection.execute(select(asset_materialization).where(last)):
        known[made.asset_key].last = _build_made(made)


def _conditions(wanted: AssetFilter) -> list[ColumnElement[bool]]:
    conditions = [*any_of(asset.c.key, wanted.keys), *contains(asset.c.key, wanted.key_contains)]
    if wanted.prefix is not None:
        conditions.append(func.substr(asset.c.key, 1, len(wanted.prefix)) == wanted.prefix)
    if wanted.upstream_of is not None:
        conditions.append(asset.c.key.in_(select(_edge.upstream_key).where(_edge.asset_key == wanted.upstream_of)))
    if wanted.downstream_of is not None:
        conditions.append(asset.c.key.in_(select(_edge.asset_key).where(_edge.upstream_key == wanted.downstream_of)))
    return conditions


def _conditions_of_made(wanted: MaterializationFilter) -> list[ColumnElement[bool]]:
    return [
        *any_of(_made.asset_key, wanted.asset_keys),
        *any_of(_made.flow_run_id, wanted.flow_run_ids),
        *any_of(_made.task_run_id, wanted.task_run_ids),
        *([] if wanted.succeeded is None else [_made.succeeded == wanted.succeeded]),
    ]


def _build(row: Row[Any]) -> AssetRecord:
    values = dict(row._mapping)
    return AssetRecord.model_validate({**values, "properties": values["properties"] or {}})


def _build_made(row: Row[Any]) -> Materialization:
    values = dict(row._mapping)
    return Materialization.model_validate({**values, "by": values["materialized_by"]})
