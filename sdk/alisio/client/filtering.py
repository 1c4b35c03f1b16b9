"""From filters as users write them to those of the API's contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from alisio.client.schemas.filters import Filter
from alisio.client.schemas.one_line import one_line
from alisio.contract.states import StateType

FilterT = TypeVar("FilterT", bound=Filter)
ModelT = TypeVar("ModelT", bound=BaseModel)
Rule = str | Callable[[Any], dict[str, Any] | None]
"""The contract's field that a criterion fills; or what makes of its value the fields, None where that cannot be."""


def _one_tag(tags: Any) -> dict[str, Any] | None:
    # The API knows "all of these tags", which says the same of a single one.
    return {"tags": list(tags)} if len(tags) == 1 else None


def _other_states(types: Any) -> dict[str, Any]:
    unwanted = {str(getattr(each, "value", each)) for each in types}
    return {"state_types": [each for each in StateType if each.value not in unwanted]}


_STATE: dict[str, Rule] = {
    "state.type.any_": "state_types",
    "state.type.not_any_": _other_states,
    "state.name.any_": "state_names",
}
_TAGS: dict[str, Rule] = {"tags.all_": "tags", "tags.any_": _one_tag}
FLOWS: dict[str, Rule] = {"id.any_": "ids", "name.any_": "names", "name.like_": "name_contains"}
FLOW_RUNS: dict[str, Rule] = {
    **FLOWS,
    **_STATE,
    **_TAGS,
    "flow_id.any_": "flow_ids",
    "deployment_id.any_": "deployment_ids",
    "work_queue_name.any_": "work_queue_names",
    "expected_start_time.before_": "due_before",
    "expected_start_time.after_": "due_after",
    "start_time.before_": "started_before",
    "start_time.after_": "started_after",
    "end_time.before_": "ended_before",
    "end_time.after_": "ended_after",
    "created.before_": "created_before",
    "created.after_": "created_after",
    "parent_flow_run_id.any_": "parent_flow_run_ids",
    "parent_flow_run_id.is_null_": lambda missing: {"is_subflow": not missing},
}
TASK_RUNS: dict[str, Rule] = {
    "id.any_": "ids",
    "name.any_": "names",
    "flow_run_id.any_": "flow_run_ids",
    **_STATE,
    **_TAGS,
}
DEPLOYMENTS: dict[str, Rule] = {"id.any_": "ids", "name.any_": "names", "paused.eq_": "paused", **_TAGS}
LOGS: dict[str, Rule] = {
    "flow_run_id.any_": "flow_run_ids",
    "task_run_id.any_": "task_run_ids",
    "level.ge_": "level_at_least",
    "timestamp.before_": "before",
    "timestamp.after_": "after",
    "message.like_": "message_contains",
}
ARTIFACTS: dict[str, Rule] = {
    "id.any_": "ids",
    "key.any_": "keys",
    "key.like_": "key_contains",
    "key.is_null_": lambda missing: {"has_key": not missing},
    "type.any_": "types",
    "flow_run_id.any_": "flow_run_ids",
    "task_run_id.any_": "task_run_ids",
}
VARIABLES: dict[str, Rule] = {"name.any_": "names", "name.like_": "name_contains", **_TAGS}
FLOWS_OF_OTHERS: dict[str, Rule] = {"id.any_": "flow_ids", "name.any_": "flow_names"}
"""By what of their flows flow runs are found; below, by what of other things around them."""
DEPLOYMENTS_OF_RUNS: dict[str, Rule] = {
    "id.any_": "deployment_ids",
    "name.any_": "deployment_names",
    "name.like_": "deployment_name_contains",
}
POOLS_OF_OTHERS: dict[str, Rule] = {"name.any_": "work_pool_names"}
QUEUES_OF_RUNS: dict[str, Rule] = {"name.any_": "work_queue_names"}
FLOWS_OF_DEPLOYMENTS: dict[str, Rule] = {"name.any_": "flow_names"}
RUNS_OF_OTHERS: dict[str, Rule] = {"id.any_": "flow_run_ids"}


def narrowed(
    kind: type[FilterT], given: FilterT | Mapping[str, Any] | None, rules: Mapping[str, Rule]
) -> dict[str, Any]:
    """Turn a filter into fields of the contract's.

    Args:
        kind: The filter's class.
        given: The filter, the same as a mapping, or None: all.
        rules: What each criterion and operator becomes.

    Returns:
        The fields.

    Raises:
        ValueError: The API cannot filter by one of the criteria, or the mapping is no such filter.
    """
    fields: dict[str, Any] = {}
    if given is None:
        return fields
    checked = read(kind, given if isinstance(given, Mapping) else given.model_dump(exclude_none=True))
    if checked.operator == "or_":
        raise ValueError(f"{kind.__name__}: criteria narrow each other, so there is no operator or_; ask twice")
    for path, value in _said(checked.model_dump(exclude_none=True, exclude={"operator"})):
        rule = rules.get(path)
        made = rule(value) if callable(rule) else None if rule is None else {rule: value}
        if made is None:
            known = ", ".join(rules)
            raise ValueError(f"{kind.__name__}: cannot filter by {path} of {value!r} here; it can by {known}")
        if twice := fields.keys() & made.keys():
            raise ValueError(f"{kind.__name__}: {path} says again what another criterion says of {twice.pop()}")
        fields |= made
    return fields


def joined(kind: type[ModelT], *parts: Mapping[str, Any]) -> ModelT:
    """Make a filter of the contract of what several filters of the user's became.

    Raises:
        ValueError: Two of them say of one field, or a value cannot be used.
    """
    fields: dict[str, Any] = {}
    for part in parts:
        if twice := fields.keys() & part.keys():
            raise ValueError(f"{kind.__name__}: two of the filters say which {twice.pop()}; leave one out")
        fields |= part
    return read(kind, fields)


def read(kind: type[ModelT], given: Mapping[str, Any]) -> ModelT:
    """Check data against a model.

    Raises:
        ValueError: They do not fit: one line that names the first place.
    """
    try:
        return kind.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError(one_line(kind, error)) from None


def _said(dumped: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in dumped.items():
        if isinstance(value, dict):
            yield from _said(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
