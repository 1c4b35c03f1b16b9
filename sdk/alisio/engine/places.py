"""Where the result of a run goes, and whether it may be there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from alisio.engine.caching import cache_key_of, lock_of, policy_of
from alisio.engine.identity import arguments_of, has_earlier_attempt, identity_of
from alisio.engine.rules import describe
from alisio.engine.runs import FlowRun, TaskRun
from alisio.exceptions import ResultError
from alisio.logging import RunLogger
from alisio.results.options import ResultRules, SerializerOption
from alisio.results.reference import StoredResult, location_in
from alisio.results.storage import ResultStorage, open_storage

if TYPE_CHECKING:
    from alisio.cache_policies import CachePolicy
    from alisio.locking.held import Lock

MAX_LOCATION = 2_000
"""What the server takes."""


class Place(NamedTuple):
    """Where the result of a run goes.

    Attributes:
        storage: Where the value goes.
        serializer: How.
        key: What it lies under there.
        identity: Of the run; None: no other attempt will know it again.
        searched: Whether there may be a result already that is to be taken.
        found_as: The cache key, where the result is found by one.
        key_storage: Where the cache key is kept, if not with the value.
        seconds: How long the result may be taken by others; None: for ever.
        lock: Held while the run is the only one with its cache key; None: it need not be.
        fault: Why there is no cache key, though there should be one.
    """

    storage: ResultStorage
    serializer: SerializerOption
    key: str
    identity: str | None = None
    searched: bool = False
    found_as: str | None = None
    key_storage: ResultStorage | None = None
    seconds: float | None = None
    lock: Lock | None = None
    fault: str | None = None

    @property
    def result(self) -> StoredResult:
        """The reference to what lies there."""
        return StoredResult(location_in(self.storage, self.key), self.storage, self.key, self.serializer)


def place_of(run: TaskRun | FlowRun, rules: ResultRules) -> Place:
    """Tell where the result of a run goes.

    Raises:
        Exception: The template of its key does not fit, or the key cannot be used.
    """
    place = _new_place(run, rules)
    for storage, key in ((place.storage, place.key), (place.key_storage, place.found_as)):
        if storage is not None and key is not None and len(location_in(storage, key)) > MAX_LOCATION:
            raise ResultError(f"the key {key[:100]!r}… is too long")
    return place


def _new_place(run: TaskRun | FlowRun, rules: ResultRules) -> Place:
    storage = open_storage(rules.storage)
    if isinstance(run, FlowRun):
        return _found_by_identity(run, Place(storage, rules.serializer, ""))
    options = run.definition.results
    seconds = None if options.cache_expiration is None else options.cache_expiration.total_seconds()
    refresh = rules.refresh if options.refresh_cache is None else options.refresh_cache
    place = Place(storage, rules.serializer, _own_key(run, str(run.id)), seconds=seconds)
    policy = policy_of(options)
    if options.result_storage_key is not None:
        identity = _identity_or_none(run, warns=False)
        place = place._replace(key=_key_from(run, options.result_storage_key), identity=identity, searched=True)
    elif policy is not None:
        place = _found_by_policy(run, policy, place)
    else:
        place = _found_by_identity(run, place)
    return place._replace(searched=place.searched and not refresh)


def _found_by_policy(run: TaskRun, policy: CachePolicy, place: Place) -> Place:
    try:
        key = cache_key_of(run, policy)
    except Exception as error:
        return place._replace(fault=describe(error))
    if key is None:
        return place
    place = place._replace(searched=True, found_as=key, lock=lock_of(run, policy, key))
    if policy.key_storage is None:
        return place._replace(key=key)
    return place._replace(key_storage=open_storage(policy.key_storage))


def _found_by_identity(run: TaskRun | FlowRun, place: Place) -> Place:
    identity = _identity_or_none(run, warns=True)
    around = run.flow_run if isinstance(run, TaskRun) else run.parent
    key = _own_key(run, identity or str(run.id))
    if isinstance(run, FlowRun) and run is run.root:
        key = key_of_attempt(run, run.run_count + 1)
    searched = identity is not None and has_earlier_attempt(around)
    return place._replace(key=key, identity=identity, searched=searched)


def key_of_attempt(root: FlowRun, attempt: int) -> str:
    """Tell where the result of an attempt, counted from 1, of a run at the top goes."""
    return _own_key(root, f"attempt-{attempt}")


def _own_key(run: TaskRun | FlowRun, name: str) -> str:
    """Make a key in the folder of the run at the top."""
    root = run.root if isinstance(run, FlowRun) else run.flow_run and run.flow_run.root
    return name if root is None else f"{root.id}/{name}"


def _key_from(run: TaskRun, template: str) -> str:
    from alisio.runtime import flow_run, task_run

    return template.format(flow_run=flow_run, task_run=task_run, parameters=arguments_of(run))


def _identity_or_none(run: TaskRun | FlowRun, warns: bool) -> str | None:
    try:
        return identity_of(run)
    except Exception as error:
        if warns:
            RunLogger(run).warning(
                "a later attempt will run this again: its inputs cannot be hashed: %s", describe(error)
            )
        return None
