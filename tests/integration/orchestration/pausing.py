"""What executors and people do about pauses."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from alisio.contract.control import (
    PauseAnswer,
    PauseReport,
    PauseStatus,
)
from alisio.contract.states import StateType
from alisio_server.errors import ConflictError
from alisio_server.orchestration.pauses import resume_run, stand_at_pause
from tests.integration.orchestration.world import World

RUNNING, PAUSED, COMPLETED = StateType.RUNNING, StateType.PAUSED, StateType.COMPLETED


def stand(world: World, run_id: UUID, key: str = "first", attempt: int = 1, **more: Any) -> PauseAnswer:
    """Stand at a pause, as an executor."""
    answer: PauseAnswer = world.do(stand_at_pause, run_id, PauseReport(attempt=attempt, key=key, **more))
    return answer


def suspend(world: World, run_id: UUID, **more: Any) -> None:
    """Suspend a run as its executor does: the last word of its process is that it is suspended."""
    assert PauseStatus.WAITING is stand(world, run_id, suspends=True, **more).status
    assert RUNNING == world.read(run_id).state_type
    world.report(run_id, 2, states=[world.state(PAUSED, name="Suspended")])


def resume(world: World, run_id: UUID, given: dict[str, Any] | None = None) -> None:
    """Resume a run, as a person."""
    world.do(resume_run, run_id, given)


def refusal(world: World, *action: Any) -> str:
    """Do what the state of things must not allow; give back why."""
    with pytest.raises(ConflictError) as caught:
        world.do(*action)
    return caught.value.code
