"""What a report carries around its runs: artifacts, events, and what task runs materialize. Read, and stored.

Most reports have none of it; so its models and tables are loaded only for those that have.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError
from sqlalchemy import Row

from alisio.contract.base import first_problem
from alisio.contract.news import ArtifactNews, EventNews, MaterializationNews
from alisio.contract.reports import Report, TaskRunNews
from alisio_server.errors import InvalidInputError
from alisio_server.orchestration.artifacts import store_artifacts
from alisio_server.orchestration.assets import store_materializations
from alisio_server.orchestration.user_events import store_events
from alisio_server.services import Transaction

ModelT = TypeVar("ModelT", bound=BaseModel)


class Around(NamedTuple):
    """What there is of it in a report."""

    artifacts: list[ArtifactNews]
    events: list[EventNews]
    made: list[tuple[TaskRunNews, MaterializationNews]]

    def owners(self) -> dict[str, list[UUID | None]]:
        """Name the runs that the rows say they belong to, by the field of the report."""
        return {
            "artifacts": [news.flow_run_id for news in self.artifacts],
            "events": [news.flow_run_id for news in self.events],
        }


def read_around(report: Report) -> Around:
    """Read these rows of a report.

    Raises:
        InvalidInputError: One of them cannot be used; its field is named.
    """
    makers = {place: news for place, news in enumerate(report.task_runs) if news.materializes is not None}
    return Around(
        [_read(ArtifactNews, row, f"artifacts.{place}") for place, row in enumerate(report.artifacts)],
        [_read(EventNews, row, f"events.{place}") for place, row in enumerate(report.events)],
        [
            (news, _read(MaterializationNews, news.materializes or {}, f"task_runs.{place}.materializes"))
            for place, news in makers.items()
        ],
    )


def store_around(tx: Transaction, root: Row[Any], around: Around, now: datetime) -> None:
    """Store these rows; those of runs outside of the family are refused before.

    Args:
        tx: The transaction.
        root: The run that is reported on.
        around: The rows.
        now: The database's time.
    """
    if around.artifacts:
        store_artifacts(tx, root, around.artifacts, now)
    if around.events:
        store_events(tx, around.events, now, root.id)
    store_materializations(tx, root, around.made, now)


def _read(model: type[ModelT], row: Any, where: str) -> ModelT:
    try:
        return model.model_validate(row)
    except ValidationError as error:
        problems: Sequence[Any] = error.errors()
        place, reason = first_problem(problems)
        field = f"{where}.{place}" if place else where
        raise InvalidInputError(f"{field}: {reason}", field=field) from error
