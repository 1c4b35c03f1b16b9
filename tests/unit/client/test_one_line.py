"""What filters and requests say that do not fit: one line each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from alisio.client.schemas import actions, filters
from alisio.contract.variables import VariableSet


@pytest.mark.parametrize(
    ("model", "fields", "said"),
    [
        (filters.FlowRunFilter, {"stat": {}}, "FlowRunFilter: stat: there is no such field; it has operator, id, name"),
        (filters.FlowRunFilter, {"state": {"typ": {}}}, "FlowRunFilter: state.typ: "),
        (filters.FlowRunFilterStateType, {"any": ["A"]}, "FlowRunFilterStateType: any: there is no such field; it has"),
        (filters.FlowRunFilterId, {"any_": ["x"]}, "FlowRunFilterId: any_.0: "),
        (actions.VariableCreate, {"name": "a"}, "VariableCreate: value: Field required"),
        (actions.WorkPoolCreate, {"name": "a", "typo": 1}, "WorkPoolCreate: typo: there is no such field; it has name"),
        (actions.DeploymentCreate, {"schedules": [{"crn": "x"}]}, "DeploymentCreate: "),
        (actions.DeploymentUpdate, {"pause": True}, "DeploymentUpdate: pause: there is no such field; it has version"),
    ],
)
def test_mistakes(model: Any, fields: dict[str, Any], said: str) -> None:
    """A field that is not there, or does not fit, is told in one line that names it."""
    with pytest.raises(ValueError) as caught:
        model(**fields)
    assert type(caught.value) is ValueError
    assert str(caught.value).startswith(said), str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_fits() -> None:
    """Those of the client are the contract's own requests, checked by pydantic where they are read."""
    made = actions.VariableCreate(name="a", value=1)
    assert isinstance(made, VariableSet)
    assert {"name": "a", "value": 1} == made.model_dump(exclude_unset=True)
    state = filters.FlowRunFilterState(type=filters.FlowRunFilterStateType(any_=["RUNNING"]))
    assert ["RUNNING"] == filters.FlowRunFilter(state=state).model_dump(exclude_none=True)["state"]["type"]["any_"]
    with pytest.raises(ValidationError):
        actions.VariableCreate.model_validate({"name": "a"})
