"""Assets: storing what task runs say that they materialize, and forgetting assets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func

from alisio.contract.news import AssetNews, MaterializationNews
from alisio.contract.reports import TaskRunNews
from alisio.contract.states import StateName, StateType
from alisio_server.database.around_tables import asset, asset_dependency, asset_materialization
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Transaction

_COUNTS = (StateType.COMPLETED, StateType.FAILED)


def store_materializations(
    tx: Transaction, root: Row[Any], told_by: Iterable[tuple[TaskRunNews, MaterializationNews]], now: datetime
) -> None:
    """Store what the task runs of a report materialize, once each has ended: the assets, and their lineage.

    A task run that was Cached has made nothing anew. Storing the same twice is as storing it once.

    Args:
        tx: The transaction.
        root: The run that is reported on.
        told_by: Task runs of the report, each with what it materializes.
        now: The database's time.
    """
    made = {news.id: (news, what) for news, what in told_by if _counts(news)}
    if not made:
        return
    told = [what for _, what in made.values()]
    _store_assets(tx, told, now)
    _store_dependencies(tx, told, now)
    rows = [row for news, what in made.values() for row in _materializations(root, news, what)]
    statement = insert_into(tx, asset_materialization)
    changes = ("succeeded", "metadata", "upstream", "timestamp")
    statement = statement.on_conflict_do_update(
        index_elements=["task_run_id", "asset_key"],
        set_={name: statement.excluded[name] for name in changes},
        where=asset_materialization.c.flow_run_id == statement.excluded.flow_run_id,
    )
    tx.connection.execute(statement, rows)


def delete_assets(tx: Transaction, keys: Sequence[str]) -> int:
    """Forget assets with their materializations and lineage; those that are not there do no harm.

    Returns:
        How many there were.
    """
    return tx.connection.execute(delete(asset).where(asset.c.key.in_(keys))).rowcount


def _counts(news: TaskRunNews) -> bool:
    last = news.states[-1]
    return last.type in _COUNTS and last.name != StateName.CACHED


def _store_assets(tx: Transaction, told: list[MaterializationNews], now: datetime) -> None:
    named: dict[str, dict[str, Any] | None] = {}
    for what in told:
        for each in (*what.upstream, *what.assets):
            named[each.key] = named.get(each.key) if each.properties is None else _properties(each)
    # In one order for all: two reports at once would otherwise wait for each other's rows.
    rows = [{"key": key, "properties": named[key], "created": now, "updated": now} for key in sorted(named)]
    statement = insert_into(tx, asset)
    kept = func.coalesce(statement.excluded.properties, asset.c.properties)
    changes = {"properties": kept, "updated": statement.excluded.updated}
    tx.connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=changes), rows)


def _properties(each: AssetNews) -> dict[str, Any] | None:
    return None if each.properties is None else each.properties.model_dump(exclude_none=True)


def _store_dependencies(tx: Transaction, told: list[MaterializationNews], now: datetime) -> None:
    pairs = {(made.key, source) for what in told for made in what.assets for source in _sources(made, what)}
    if not pairs:
        return
    rows = [{"asset_key": key, "upstream_key": source, "last_seen": now} for key, source in sorted(pairs)]
    statement = insert_into(tx, asset_dependency)
    changes = {"last_seen": statement.excluded.last_seen}
    tx.connection.execute(
        statement.on_conflict_do_update(index_elements=["asset_key", "upstream_key"], set_=changes), rows
    )


def _materializations(root: Row[Any], news: TaskRunNews, what: MaterializationNews) -> list[dict[str, Any]]:
    last = news.states[-1]
    shared = {
        "task_run_id": news.id,
        "flow_run_id": news.flow_run_id or root.id,
        "attempt": root.attempt,
        "succeeded": last.type is StateType.COMPLETED,
        "materialized_by": what.by,
        "timestamp": last.timestamp,
    }
    made = {each.key: each for each in what.assets}
    return [
        {**shared, "asset_key": key, "metadata": each.metadata, "upstream": _sources(each, what)}
        for key, each in made.items()
    ]


def _sources(made: AssetNews, what: MaterializationNews) -> list[str]:
    """Name what an asset is made from; it may be said to be made from its own older self, which is no lineage."""
    return sorted({source.key for source in what.upstream} - {made.key})
