"""The project file `alisio.yaml`: which deployments a project has.

name: weather                         # of the project; background tasks of another one are kept apart by it
tags: [weather]                       # holds for every deployment that says nothing else
work_pool: {name: local, queue: default}
deployments:
  - name: hourly
    entrypoint: flows/weather.py:weather
    parameters: {city: Seattle}
    schedules:
      - {cron: "0 * * * *", timezone: Europe/Madrid}
      - {interval: 10m, active: false}
    concurrency_limit: 3              # or {limit: 3, collision_strategy: CANCEL_NEW, grace_period_seconds: 120}
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

from alisio.contract.base import JsonObject, Name, Request, Tag, Timestamp
from alisio.contract.deployments import CatchUp, ScheduleSpec, Slug
from alisio.contract.limits import ConcurrencyLimitConfig
from alisio.contract.overlap import Overlap
from alisio.deployments.durations import parse_duration
from alisio.deployments.failures import ProjectError, reason_of

PROJECT_FILE = "alisio.yaml"


class WorkPoolEntry(Request):
    """Where the runs of a deployment go, and what is said to the infrastructure there."""

    name: Name
    queue: Name = "default"
    job_variables: JsonObject = Field(default_factory=dict)


class ScheduleEntry(Request):
    """One schedule: exactly one of `cron`, `interval` (such as `10m`, or seconds), `rrule` and `at`."""

    slug: Slug | None = None
    cron: str | None = None
    interval: float | None = None
    anchor: Timestamp | None = None
    rrule: str | None = None
    at: Timestamp | None = None
    timezone: str | None = None
    active: bool = True
    parameters: JsonObject = Field(default_factory=dict)
    catch_up: CatchUp = CatchUp.LATEST
    overlap: Overlap = Overlap.ALLOW

    @field_validator("interval", mode="before")
    @classmethod
    def _read_interval(cls, value: Any) -> Any:
        return parse_duration(value) if isinstance(value, str) else value

    def to_spec(self) -> ScheduleSpec:
        """Say it in the API's words.

        Raises:
            ValidationError: The rule is missing, or there are several.
        """
        said = self.model_dump(exclude_unset=True)
        if "interval" in said:
            said["interval_seconds"] = said.pop("interval")
        return ScheduleSpec.model_validate(said)


class _Defaults(Request):
    description: str | None = None
    version: str | None = None
    tags: list[Tag] = Field(default_factory=list)
    parameters: JsonObject = Field(default_factory=dict)
    work_pool: WorkPoolEntry | None = None
    schedules: list[ScheduleEntry] = Field(default_factory=list)
    concurrency_limit: ConcurrencyLimitConfig | None = None

    @field_validator("concurrency_limit", mode="before")
    @classmethod
    def _read_limit(cls, value: Any) -> Any:
        return {"limit": value} if isinstance(value, int) and not isinstance(value, bool) else value


class DeploymentEntry(_Defaults):
    """One deployment of a project file."""

    name: Name
    entrypoint: Annotated[str, Field(min_length=3)]


class Project(_Defaults):
    """A project file. What stands at the top, but for its name, holds for every deployment that says nothing else."""

    name: Name | None = None
    deployments: Annotated[list[DeploymentEntry], Field(min_length=1)]


_MODELS: dict[str, type[BaseModel]] = {
    "Project": Project,
    "deployments": DeploymentEntry,
    "work_pool": WorkPoolEntry,
    "schedules": ScheduleEntry,
    "concurrency_limit": ConcurrencyLimitConfig,
}
"""What the mapping below a key of the file is read as."""


def read_project(path: Path) -> list[DeploymentEntry]:
    """Read a project file.

    Args:
        path: The file.

    Returns:
        Its deployments, with the defaults of the file filled in.

    Raises:
        ProjectError: The file cannot be read, or a line of it is wrong; the text names the line.
    """
    node = _compose(path)
    if not isinstance(node, yaml.MappingNode):
        raise ProjectError(f"{path}:1: must have a key `deployments` with a list")
    try:
        _check_keys(path, node)
        document = yaml.SafeLoader("").construct_document(node)
        project = Project.model_validate(document)
    except ValidationError as error:
        raise ProjectError(_describe(path, node, error)) from error
    except (yaml.MarkedYAMLError, ValueError) as error:
        raise ProjectError(f"{path}: {_first_line(error)}") from error
    except RecursionError as error:
        raise ProjectError(f"{path}: an alias stands inside of what it names, or lists lie too deep") from error
    entries = [_with_defaults(entry, project) for entry in project.deployments]
    _check_schedules(path, node, entries)
    _check_names(path, node, entries)
    return entries


def find_project(start: Path) -> Path | None:
    """Find the project file of a folder: in it, or in the nearest folder above it."""
    for folder in (start, *start.parents):
        candidate = folder / PROJECT_FILE
        if candidate.is_file():
            return candidate
    return None


def name_of_project(root: Path) -> str | None:
    """Read the name of a project from the project file in its folder; the rest of that need not be right.

    Returns:
        The name; None where the file is not there, or says none.

    Raises:
        ProjectError: The file cannot be read, or the name cannot be used.
    """
    path = root / PROJECT_FILE
    try:
        return _name_in(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=16)
def _name_in(path: Path, _: int) -> str | None:
    """Read it once for each time that the file was written: those who ask for tasks need it for each of them."""
    node = _compose(path)
    entries = node.value if isinstance(node, yaml.MappingNode) else []
    value = next((value for key, value in entries if key.value == "name"), None)
    if value is None:
        return None
    try:
        return TypeAdapter[str](Name).validate_python(yaml.SafeLoader("").construct_object(value, deep=True))
    except ValidationError as error:
        raise ProjectError(f"{path}:{value.start_mark.line + 1}: name: {reason_of(error)}") from error


def _compose(path: Path) -> yaml.Node | None:
    try:
        return yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except FileNotFoundError:
        raise ProjectError(f"there is no {path}; name an entrypoint, or another file with --file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(f"{path} cannot be read: {_first_line(error)}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ProjectError(f"{path}:{line}: {error.problem or 'is not YAML'}") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"{path}: {_first_line(error)}") from error


def _check_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(path, item)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ProjectError(
                    f"{path}:{key.start_mark.line + 1}: the key {key.value!r} is there twice; remove one"
                )
            seen.add(str(key.value))
            _check_keys(path, value)


def _with_defaults(entry: DeploymentEntry, project: Project) -> DeploymentEntry:
    said = project.model_fields_set - entry.model_fields_set - {"deployments"}
    return entry.model_copy(update={name: getattr(project, name) for name in said})


def _check_schedules(path: Path, node: yaml.Node, entries: list[DeploymentEntry]) -> None:
    for position, entry in enumerate(entries):
        for number, schedule in enumerate(entry.schedules):
            try:
                schedule.to_spec()
            except ValidationError as error:
                line = _line_of(node, ("deployments", position, "schedules", number))
                raise ProjectError(
                    f"{path}:{line}: schedule {number + 1} of {entry.name!r}: {reason_of(error)}"
                ) from error


def _check_names(path: Path, node: yaml.Node, entries: list[DeploymentEntry]) -> None:
    seen: set[tuple[str, str]] = set()
    for position, entry in enumerate(entries):
        key = (entry.entrypoint, entry.name)
        if key in seen:
            line = _line_of(node, ("deployments", position, "name"))
            raise ProjectError(f"{path}:{line}: {entry.name!r} of {entry.entrypoint} is there twice; rename one")
        seen.add(key)


def _describe(path: Path, node: yaml.Node, error: ValidationError) -> str:
    first = error.errors()[0]
    place = first["loc"]
    line = _line_of(node, place)
    if first["type"] == "extra_forbidden":
        known = _known_keys(place)
        near = difflib.get_close_matches(str(place[-1]), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return f"{path}:{line}: unknown key {str(place[-1])!r}; {hint}"
    if first["type"] == "missing":
        return f"{path}:{line}: the key {str(place[-1])!r} is missing"
    dotted = ".".join(str(part) for part in place)
    return f"{path}:{line}: {dotted}: {reason_of(error)}"


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    model = "Project"
    for part in place[:-1]:
        model = str(part) if part in _MODELS else model
    return list(_MODELS[model].model_fields)


def _line_of(node: yaml.Node, place: tuple[int | str, ...]) -> int:
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if pair is None:
                break
            line, node = pair[0].start_mark.line, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line
        else:
            break
    return int(line) + 1


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
