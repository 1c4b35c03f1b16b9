"""Showing things: tables for people, JSON for programs, states in colour."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from alisio.cli.options import Output

if TYPE_CHECKING:
    from pydantic import BaseModel

    from alisio.contract.state_record import StateRecord

_COLOURS = {
    "SCHEDULED": "yellow",
    "PENDING": "bright_black",
    "RUNNING": "blue",
    "PAUSED": "yellow",
    "CANCELLING": "magenta",
    "COMPLETED": "green",
    "FAILED": "red",
    "CRASHED": "bright_red",
    "CANCELLED": "magenta",
}
_WIDE_ENOUGH = 2_000


def show_rows(
    models: Sequence[BaseModel], columns: Sequence[str], rows: Iterable[Sequence[object]], output: Output
) -> None:
    """Show a listing: a table of the rows, or the models as a JSON array.

    Args:
        models: What was found.
        columns: The table's headings.
        rows: The table's cells, one row a model.
        output: Which of the two.
    """
    if output is Output.JSON:
        show_json([model.model_dump(mode="json") for model in models])
        return
    show_table(columns, rows)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Show a table, as wide as the terminal, or as wide as it needs where stdout is no terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column in ("id", "name"), overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    _print_rich(table)


def show_model(model: BaseModel, output: Output, **lines: Sequence[str]) -> None:
    """Show one thing whole: its fields, or JSON.

    Args:
        model: The thing.
        output: Which of the two.
        lines: What people read in place of a field, by the field's name: one text a line.
    """
    if output is Output.JSON:
        show_json(model.model_dump(mode="json"))
    else:
        show_facts(dict(model) | lines, output)


def show_facts(facts: Mapping[str, Any], output: Output) -> None:
    """Show named values, one a line, or as a JSON object."""
    if output is Output.JSON:
        show_json(dict(facts))
        return
    width = max(len(name) for name in facts)
    for name, value in facts.items():
        first, *others = fact_lines(value) or ["-"]
        typer.echo(f"{name:<{width}}  {first}")
        for line in others:
            typer.echo(f"{'':<{width}}  {line}")


def fact_lines(value: object) -> list[str]:
    """Write a value for people: one line for each part of a collection, none where there is nothing."""
    if value is None:
        return []
    if isinstance(value, datetime):
        return [local_time(value)]
    if isinstance(value, bool):
        return ["yes" if value else "no"]
    if isinstance(value, Mapping):
        return [f"{key}: {json_line(part)}" for key, part in value.items()]
    if isinstance(value, list | tuple):
        return [part if isinstance(part, str) else json_line(part) for part in value]
    return str(value).splitlines()


def json_line(value: object) -> str:
    """Write a value as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, default=str)


def show_json(value: object) -> None:
    """Write a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def coloured(state: StateRecord) -> str:
    """Write a state's name in its colour; the colour is left out where stdout is no terminal."""
    return typer.style(state.name, fg=_COLOURS.get(state.type.value), bold=state.type.is_terminal)


def local_time(instant: datetime | None, *, milliseconds: bool = False) -> str:
    """Write an instant in local time; `-` where there is none."""
    if instant is None:
        return "-"
    local = instant.astimezone()
    return (
        local.strftime("%H:%M:%S.") + f"{local.microsecond // 1000:03d}"
        if milliseconds
        else f"{local:%Y-%m-%d %H:%M:%S}"
    )


def elapsed(started: datetime | None, ended: datetime | None) -> str:
    """Write how long something took, or has taken; `-` where it has not begun."""
    if started is None:
        return "-"
    seconds = max(0.0, ((ended or datetime.now(UTC)) - started).total_seconds())
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{rest:02d}s" if hours else f"{minutes}m{rest:02d}s"


def _cell(value: object) -> Any:
    from rich.text import Text

    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return Text.from_ansi(str(value)) if isinstance(value, str) else str(value)


def _print_rich(thing: Any) -> None:
    from rich.console import Console

    # What is read by a program or a file is never cut to a width.
    width = None if sys.stdout.isatty() else _WIDE_ENOUGH
    Console(width=width, highlight=False).print(thing)
