"""Orders of listings, by the names that users of Prefect know them by. The values are the API's own."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

__all__ = ["ArtifactSort", "FlowRunSort", "TaskRunSort", "VariableSort"]

SortT = TypeVar("SortT", bound=StrEnum)


class FlowRunSort(StrEnum):
    """Orders of flow runs. Ids grow with time, so an order by id is one by creation.

    In one by start time a run that has not begun stands where it is to start. One by end time lists the runs that have
    ended, and no others.
    """

    ID_DESC = "created_desc"
    CREATED_DESC = "created_desc"
    CREATED_ASC = "created_asc"
    EXPECTED_START_TIME_ASC = "due_asc"
    EXPECTED_START_TIME_DESC = "due_desc"
    NEXT_SCHEDULED_START_TIME_ASC = "due_asc"
    START_TIME_ASC = "start_asc"
    START_TIME_DESC = "start_desc"
    END_TIME_DESC = "ended_desc"


class TaskRunSort(StrEnum):
    """Orders of task runs."""

    ID_DESC = "created_desc"
    CREATED_DESC = "created_desc"
    CREATED_ASC = "created_asc"


class ArtifactSort(StrEnum):
    """Orders of artifacts."""

    ID_DESC = "created_desc"
    CREATED_DESC = "created_desc"
    CREATED_ASC = "created_asc"


class VariableSort(StrEnum):
    """Orders of variables."""

    NAME_ASC = "name_asc"
    NAME_DESC = "name_desc"
    CREATED_DESC = "created_desc"
    UPDATED_DESC = "updated_desc"


def read_sort(kind: type[SortT], given: SortT | str) -> SortT:
    """Read an order that is given by its name, such as `"EXPECTED_START_TIME_DESC"`.

    Raises:
        ValueError: There is no such order.
    """
    if isinstance(given, kind):
        return given
    if given not in kind.__members__:
        raise ValueError(f"{kind.__name__}: the API has no order {given!r}; it has {', '.join(kind.__members__)}")
    return kind[given]
