"""Assets: files, tables and other things outside that flows make and use, and what is made from what.

from alisio.assets import materialize

@materialize("s3://lake/clean.csv", asset_deps=["s3://lake/raw.csv"])
def clean(): ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ParamSpec, Self, TypeVar, Unpack

from alisio.context import current_task_run
from alisio.contract.asset_keys import fault_of_key
from alisio.engine.jsonable import clean_text
from alisio.exceptions import MissingContextError
from alisio.options import TaskOptions
from alisio.tasks import Task
from alisio.utilities.plain import to_plain

__all__ = ["Asset", "AssetProperties", "MaterializingTask", "add_asset_metadata", "materialize"]

P = ParamSpec("P")
R = TypeVar("R")

MAX_ASSETS = 50
"""How many assets one task may materialize, and how many it may name in `asset_deps`."""

_MAX_LENGTHS = {"name": 500, "description": 10_000, "url": 2_000}
_MAX_OWNERS, _MAX_OWNER = 100, 500
_MAX_BYTES = 200_000  # of a report's megabyte


@dataclass(frozen=True)
class AssetProperties:
    """What people say about an asset. Said anew, all of it takes the place of what was said before.

    Attributes:
        name: 500 characters at most.
        description: Markdown, 10,000 characters at most.
        owners: Who answers for it: names, addresses, teams; 100 at most.
        url: Where to look at it.
    """

    name: str | None = None
    description: str | None = None
    owners: list[str] | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be stored.

        Raises:
            ValueError: A property is no text, or too long.
        """
        for name, longest in _MAX_LENGTHS.items():
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and len(value) <= longest):
                raise ValueError(f"asset properties: {name} must be a text of {longest:,} characters at most")
        owners = self.owners
        if owners is not None and not (
            isinstance(owners, list | tuple)
            and len(owners) <= _MAX_OWNERS
            and all(isinstance(owner, str) and len(owner) <= _MAX_OWNER for owner in owners)
        ):
            raise ValueError(f"asset properties: owners must be a list of {_MAX_OWNERS} texts at most")


@dataclass(frozen=True)
class Asset:
    """Something outside that flows make or use.

    Attributes:
        key: Its URI, such as `s3://bucket/table.csv`: the same everywhere for the same thing.
        properties: What is said about it; None: nothing, and what was said before stays.
    """

    key: str
    properties: AssetProperties | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be a key.

        Raises:
            ValueError: It is no URI.
        """
        fault = fault_of_key(self.key)
        if fault is not None:
            raise ValueError(f"asset key {self.key!r} must be {fault}")
        if self.properties is not None and not isinstance(self.properties, AssetProperties):
            raise ValueError(f"asset {self.key!r}: properties must be AssetProperties, not {self.properties!r}")

    def add_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Add to what this materialization tells of the asset; see `add_asset_metadata`."""
        add_asset_metadata(self, metadata)

    def bare(self) -> Asset:
        """Give it without what is said about it."""
        return self if self.properties is None else Asset(self.key)

    def to_news(self) -> dict[str, Any]:
        """Give it as `AssetNews` of the contract."""
        if self.properties is None:
            return {"key": self.key}
        said = {field.name: getattr(self.properties, field.name) for field in fields(AssetProperties)}
        return {
            "key": self.key,
            "properties": to_plain({name: what for name, what in said.items() if what is not None}),
        }


class MaterializingTask(Task[P, R]):
    """A task whose runs make assets. `@materialize` makes it.

    Args:
        fn: The function.
        assets: What it makes.
        by: The tool that does it.
        options: Those of `@task`.

    Raises:
        ValueError: An asset or an option cannot be used.
    """

    def __init__(
        self,
        fn: Any,
        *,
        assets: Sequence[str | Asset],
        by: str | None = None,
        **options: Unpack[TaskOptions],
    ) -> None:
        super().__init__(fn, **options)
        self.assets = checked_assets(self.label, "materialize", assets)
        if by is not None and not (isinstance(by, str) and 0 < len(by) <= 200):
            raise ValueError(f"{self.label}: by must be a text of 1 to 200 characters, not {by!r}")
        self.materialized_by = None if by is None else clean_text(by)
        self.names_assets = True

    def with_options(
        self, *, assets: Sequence[str | Asset] | None = None, by: str | None = None, **options: Unpack[TaskOptions]
    ) -> Self:
        """Make a task of the same function with other options; those not given stay as they are.

        Args:
            assets: What it makes.
            by: The tool that does it.
            options: Those of `@task`.

        Raises:
            ValueError: An asset or an option cannot be used.
        """
        return type(self)(
            self._descriptor or self.fn,
            assets=self.assets if assets is None else assets,
            by=self.materialized_by if by is None else by,
            **self.options_with(options),
        )


def materialize(
    *assets: str | Asset, by: str | None = None, **options: Unpack[TaskOptions]
) -> Callable[[Callable[P, R]], MaterializingTask[P, R]]:
    """Make a task of a function that makes assets: each run of it that ends is recorded as a materialization of them.

    Args:
        assets: Their keys, or `Asset`s with properties.
        by: The tool that does it, such as `dbt`.
        options: Those of `@task`; `asset_deps` are what the assets are made from, besides the assets that its
            arguments come from.

    Returns:
        A decorator.

    Raises:
        TypeError: No asset is given.
        ValueError: An asset or an option cannot be used.
    """
    if not assets:
        raise TypeError('materialize needs an asset at least: write @materialize("s3://bucket/table.csv")')
    checked = checked_assets("materialize", "assets", assets)
    return lambda function: MaterializingTask(function, assets=checked, by=by, **options)


def add_asset_metadata(asset: str | Asset, metadata: Mapping[str, Any]) -> None:
    """Add to what the task run that runs here tells of an asset that it makes: numbers of rows, sums, versions.

    Args:
        asset: The asset, or its key.
        metadata: By name; said again, a name gets its new value. What JSON has no word for becomes text. Of all assets
            of a task run, 100,000 bytes as JSON are kept.

    Raises:
        MissingContextError: No task of a flow runs here.
        ValueError: The task does not make that asset, or the metadata are no mapping, or too large.
    """
    key = asset.key if isinstance(asset, Asset) else asset
    run = current_task_run.get()
    if run is None or run.flow_run is None:
        raise MissingContextError("metadata of assets are added in the code of a task that a flow has called")
    if not isinstance(metadata, Mapping):
        raise ValueError(f"asset {key!r}: metadata must be a mapping of names to values, not {metadata!r}")
    from alisio.engine.lineage import add_metadata

    add_metadata(run, key, to_plain(metadata))


def checked_assets(label: str, option: str, assets: Iterable[str | Asset]) -> tuple[Asset, ...]:
    """Make assets of what was given as such.

    Args:
        label: Whose option it is.
        option: Its name.
        assets: Keys and assets.

    Raises:
        ValueError: One of them is neither, or there are too many.
    """
    if isinstance(assets, str | Asset) or not isinstance(assets, Iterable):
        raise ValueError(f"{label}: {option} must be a list of keys and assets, not {assets!r}")
    checked: dict[str, Asset] = {}
    for each in assets:
        if not isinstance(each, Asset) and (fault := fault_of_key(each)) is not None:
            raise ValueError(f"{label}: {option}: {each!r} must be an Asset, or {fault}")
        asset = each if isinstance(each, Asset) else Asset(each)
        checked[asset.key] = asset
    if len(checked) > MAX_ASSETS:
        raise ValueError(f"{label}: {option} may have {MAX_ASSETS} assets, not {len(checked)}")
    size = sum(len(json.dumps(asset.to_news())) for asset in checked.values())
    if size > _MAX_BYTES:
        raise ValueError(
            f"{label}: {option} may have keys and properties of {_MAX_BYTES:,} bytes as JSON, not {size:,}"
        )
    return tuple(checked.values())
