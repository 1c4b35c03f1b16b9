"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import typer

from alisio.cli.errors import CommandError

_LONGEST_SECONDS = 100 * 365 * 86_400.0


class Output(StrEnum):
    """How a command shows what it found."""

    TABLE = "table"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="For people, or for programs.")]
ParamOption = Annotated[
    list[str] | None, typer.Option("--param", help="NAME=VALUE; a value that is JSON is read as JSON. Repeatable.")
]
ParamsOption = Annotated[str | None, typer.Option("--params", help="Parameters as one JSON object.")]
JobVariableOption = Annotated[
    list[str] | None, typer.Option("--job-variable", help="NAME=VALUE for the infrastructure. Repeatable.")
]
TagOption = Annotated[list[str] | None, typer.Option("--tag", "-t", help="Repeatable.")]
StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", help="A state's type or name, such as FAILED or Late. Repeatable."),
]
DeploymentArgument = Annotated[str, typer.Argument(metavar="FLOW/DEPLOYMENT", help="The deployment's address.")]
FlowRunArgument = Annotated[UUID, typer.Argument(metavar="ID", help="The flow run's id.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def example(*lines: str) -> str:
    """Write the example at the end of a command's help, one line each."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def read_parameters(pairs: Iterable[str] | None, whole: str | None) -> dict[str, Any]:
    """Read `--params` and, over it, each `--param`.

    Raises:
        CommandError: One of them cannot be read.
    """
    parameters: dict[str, Any] = {}
    if whole is not None:
        try:
            parameters = _read_json(whole)
        except ValueError as error:
            raise CommandError(f"--params is not JSON: {error}") from error
        if not isinstance(parameters, dict):
            raise CommandError('--params must be a JSON object, such as \'{"city": "Seattle"}\'')
    return parameters | read_pairs(pairs, "--param")


def read_pairs(pairs: Iterable[str] | None, option: str) -> dict[str, Any]:
    """Read `NAME=VALUE` texts. A value that is JSON is read as JSON, any other as text.

    Raises:
        CommandError: One of them has no name or no equals sign.
    """
    values: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise CommandError(f"{option} {pair!r} must be NAME=VALUE")
        try:
            values[name.strip()] = _read_json(text)
        except ValueError:
            values[name.strip()] = text
    return values


def _read_json(text: str) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a JSON value")

    return json.loads(text, parse_constant=refuse)


def read_due(after: str | None, at: str | None) -> datetime | None:
    """Read `--in` and `--at`.

    Args:
        after: A duration from now, such as `10m`.
        at: A time in ISO 8601; one without an offset is local.

    Returns:
        The instant; None where neither is given.

    Raises:
        CommandError: Both are given, or one cannot be read.
    """
    if after is not None and at is not None:
        raise CommandError("give --in or --at, not both")
    if after is not None:
        return read_ahead(after, "--in")
    return None if at is None else read_time(at, "--at")


def read_time(text: str, option: str) -> datetime:
    """Read a time in ISO 8601 given to an option; one without an offset is local.

    Raises:
        CommandError: It cannot be read.
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"{option} {text!r} is not a time; write it like 2026-03-01T09:30 or with +01:00") from None


def read_duration(text: str, option: str) -> float:
    """Read a duration given to an option, in seconds.

    Raises:
        CommandError: It cannot be read, or is longer than 100 years.
    """
    from alisio.deployments.durations import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise CommandError(f"{option}: {error}") from error
    if seconds > _LONGEST_SECONDS:
        raise CommandError(f"{option}: {text!r} is longer than 100 years")
    return seconds


def read_ahead(text: str, option: str) -> datetime:
    """Read the instant that lies a duration ahead of now.

    Raises:
        CommandError: The duration cannot be read, or is longer than 100 years.
    """
    return datetime.now(UTC) + timedelta(seconds=read_duration(text, option))


def read_ago(text: str, option: str) -> datetime:
    """Read the instant that lies a duration before now.

    Raises:
        CommandError: The duration cannot be read, or is longer than 100 years.
    """
    return datetime.now(UTC) - timedelta(seconds=read_duration(text, option))


def read_limit(text: str) -> int | None:
    """Read a concurrency limit: a number, or `none`.

    Raises:
        CommandError: It is neither.
    """
    if text.lower() == "none":
        return None
    if not text.isdecimal():
        raise CommandError(f"the limit {text!r} must be a number, or none to take the limit away")
    return int(text)


def read_states(wanted: list[str] | None) -> dict[str, Any]:
    """Read `--state`: all types, or else all names.

    Args:
        wanted: Types or names, in any case; None or empty: every state.

    Returns:
        The fields of a filter: `state_types` or `state_names`, or none.

    Raises:
        CommandError: One of them is neither.
    """
    from alisio.cli.session import near
    from alisio.contract.states import StateName, StateType

    if not wanted:
        return {}
    types = {type_.value: type_ for type_ in StateType}
    names = {value.lower(): value for key, value in vars(StateName).items() if key.isupper()}
    if all(text.upper() in types for text in wanted):
        return {"state_types": [types[text.upper()] for text in wanted]}
    for text in wanted:
        if text.lower() not in names:
            known = [*types, *names.values()]
            raise CommandError(f"--state {text!r} is unknown; {near(text, known, 'one of: ' + ', '.join(known))}")
    return {"state_names": [names[text.lower()] for text in wanted]}
