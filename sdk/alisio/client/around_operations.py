"""Variables, artifacts, assets, events and blocks as methods of the public clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from alisio.client import artifact_steps, filtering
from alisio.client.block_operations import BlockOperations
from alisio.client.calls import around
from alisio.client.operations import Steps, ask, operation, route, rows
from alisio.client.schemas.filters import ArtifactFilter, VariableFilter
from alisio.client.schemas.objects import Artifact, Variable
from alisio.client.schemas.sorting import ArtifactSort, VariableSort, read_sort
from alisio.contract import artifacts, assets, user_events, variables
from alisio.exceptions import NotFoundError

FilterOf = Mapping[str, Any] | None


class AroundOperations(BlockOperations):
    """What flows keep around their runs. Assets and events are filtered by filters of the contract."""

    create_variable = route(around.set_variable)
    delete_variable_by_name = route(around.delete_variable)
    create_artifact = route(around.create_artifact)
    update_artifact = route(around.change_artifact)
    delete_artifact = route(around.delete_artifact)
    delete_artifact_versions = route(around.delete_artifact_versions)
    read_lineage = route(around.read_lineage)
    delete_assets = route(around.delete_assets)
    create_events = route(around.create_events)
    read_event = route(around.read_event)

    @operation
    def read_variable_by_name(self, name: str) -> Steps[Variable | None]:
        """Read a variable; None: there is none of that name."""
        try:
            return (yield from ask(around.read_variable(name)))
        except NotFoundError:
            return None

    @operation
    def update_variable(self, name: str, value: Any, tags: list[str] | None = None) -> Steps[Variable]:
        """Give a variable that is there another value, and other tags where they are given.

        Raises:
            ObjectNotFound: There is no such variable.
        """
        known = yield from ask(around.read_variable(name))
        fields = {"name": name, "value": value, "tags": known.tags if tags is None else tags, "overwrite": True}
        return (yield from ask(around.set_variable(filtering.read(variables.VariableSet, fields))))

    @operation
    def read_variables(
        self,
        variable_filter: VariableFilter | FilterOf = None,
        sort: VariableSort | str = VariableSort.NAME_ASC,
        limit: int | None = None,
        offset: int = 0,
    ) -> Steps[list[Variable]]:
        """List variables; `limit=None` gives all."""
        fields = filtering.narrowed(VariableFilter, variable_filter, filtering.VARIABLES)
        which = filtering.joined(variables.VariableFilter, fields)
        order = variables.VariableSort(read_sort(VariableSort, sort).value)
        return (
            yield from rows(
                lambda size, cursor: around.filter_variables(
                    variables.VariableQuery(filter=which, sort=order, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def count_variables(self, variable_filter: VariableFilter | FilterOf = None) -> Steps[int]:
        """Count variables, up to 10,000."""
        fields = filtering.narrowed(VariableFilter, variable_filter, filtering.VARIABLES)
        return (yield from ask(around.count_variables(filtering.joined(variables.VariableFilter, fields)))).count

    @operation
    def read_artifact(self, artifact_id: UUID) -> Steps[Artifact]:
        """Read an artifact, with its data."""
        return (yield from artifact_steps.whole((yield from ask(around.read_artifact(artifact_id)))))

    @operation
    def read_latest_artifact(self, key: str) -> Steps[Artifact]:
        """Read the latest version of a key, with its data."""
        return (yield from artifact_steps.whole((yield from ask(around.read_latest_artifact(key)))))

    @operation
    def upload_artifact_data(self, data: Any) -> Steps[UUID]:
        """Upload data of more than 500,000 bytes, for an artifact that is then created, or updated, with them.

        Args:
            data: What JSON can say in 20 MB.

        Returns:
            What to give as `data_id` of `ArtifactCreate` or `ArtifactUpdate`, within a day.
        """
        return (yield from artifact_steps.upload_data(data))

    @operation
    def read_artifact_data(self, data_id: UUID) -> Steps[Any]:
        """Read the data that an artifact names as its `data_id`."""
        return (yield from artifact_steps.download_data(data_id))

    @operation
    def read_artifacts(
        self,
        artifact_filter: ArtifactFilter | FilterOf = None,
        sort: ArtifactSort | str = ArtifactSort.CREATED_DESC,
        limit: int | None = 200,
        offset: int = 0,
        *,
        latest: bool = False,
        with_data: bool = False,
    ) -> Steps[list[Artifact]]:
        """List artifacts.

        Args:
            artifact_filter: Which ones.
            sort: Their order.
            limit: How many at most; None: all.
            offset: How many to pass over.
            latest: Only the latest of each key.
            with_data: Whether their data come along, which takes a request for each 10, and one for each that is
                larger than 500,000 bytes; else `data` is None.

        Returns:
            The artifacts.
        """
        which = _artifacts(artifact_filter, latest)
        order = artifacts.ArtifactSort(read_sort(ArtifactSort, sort).value)
        found = yield from rows(
            lambda size, cursor: around.filter_artifacts(
                artifacts.ArtifactQuery(filter=which, sort=order, with_data=with_data, limit=size, cursor=cursor)
            ),
            limit,
            offset,
        )
        if not with_data:
            return found
        complete = []
        for record in found:
            complete.append((yield from artifact_steps.whole(record)))
        return complete

    @operation
    def count_artifacts(self, artifact_filter: ArtifactFilter | FilterOf = None, *, latest: bool = False) -> Steps[int]:
        """Count artifacts, up to 10,000; `latest`: only the latest of each key."""
        return (yield from ask(around.count_artifacts(_artifacts(artifact_filter, latest)))).count

    @operation
    def read_assets(
        self, asset_filter: assets.AssetFilter | None = None, limit: int | None = 200, offset: int = 0
    ) -> Steps[list[assets.AssetRecord]]:
        """List assets by key."""
        which = asset_filter or assets.AssetFilter()
        return (
            yield from rows(
                lambda size, cursor: around.filter_assets(assets.AssetQuery(filter=which, limit=size, cursor=cursor)),
                limit,
                offset,
            )
        )

    @operation
    def count_assets(self, asset_filter: assets.AssetFilter | None = None) -> Steps[int]:
        """Count assets, up to 10,000."""
        return (yield from ask(around.count_assets(asset_filter or assets.AssetFilter()))).count

    @operation
    def read_materializations(
        self,
        materialization_filter: assets.MaterializationFilter | None = None,
        limit: int | None = 200,
        offset: int = 0,
    ) -> Steps[list[assets.Materialization]]:
        """List materializations of assets, the newest first."""
        which = materialization_filter or assets.MaterializationFilter()
        return (
            yield from rows(
                lambda size, cursor: around.filter_materializations(
                    assets.MaterializationQuery(filter=which, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def read_events(
        self, event_filter: user_events.EventFilter | None = None, limit: int | None = 200, offset: int = 0
    ) -> Steps[list[user_events.EventRecord]]:
        """List events, the newest first."""
        which = event_filter or user_events.EventFilter()
        return (
            yield from rows(
                lambda size, cursor: around.filter_events(
                    user_events.EventQuery(filter=which, limit=size, cursor=cursor)
                ),
                limit,
                offset,
            )
        )

    @operation
    def count_events(self, event_filter: user_events.EventFilter | None = None) -> Steps[int]:
        """Count events, up to 10,000."""
        return (yield from ask(around.count_events(event_filter or user_events.EventFilter()))).count


def _artifacts(given: ArtifactFilter | FilterOf, latest: bool) -> artifacts.ArtifactFilter:
    fields = filtering.narrowed(ArtifactFilter, given, filtering.ARTIFACTS)
    return filtering.joined(artifacts.ArtifactFilter, fields, {"latest": latest})
