"""Following a flow run to its end: its states and its log lines, as the server learns of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import typer

from alisio.cli.rendering import coloured, local_time
from alisio.exceptions import ApiUnreachableError

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.runs import LogRecord
    from alisio.contract.state_record import StateRecord

_POLL_SECONDS = 0.3
_LEVELS = {10: "DEBUG", 20: "INFO", 30: "WARNING", 40: "ERROR", 50: "CRITICAL"}
_LEVEL_COLOURS = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "bright_red", "DEBUG": "bright_black"}


class Follower:
    """Reads what is new of one flow run, each time it is asked."""

    def __init__(self, client: Client, flow_run_id: UUID) -> None:
        self._client = client
        self._flow_run_id = flow_run_id
        self._cursor: str | None = None
        self._states_read = 0

    def ended(self) -> bool:
        """Tell whether the run has ended. Ask before reading, so that what came before the end is read."""
        return self._client.read_flow_run(self._flow_run_id).state.type.is_terminal

    def new_states(self) -> list[StateRecord]:
        """Read the states since the last time."""
        states = self._client.read_flow_run_states(self._flow_run_id)
        new = states[self._states_read :]
        self._states_read = len(states)
        return new

    def new_logs(self) -> list[LogRecord]:
        """Read the log lines since the last time."""
        from alisio.contract.runs import LogFilter, LogQuery

        which = LogFilter(flow_run_ids=[self._flow_run_id])
        new: list[LogRecord] = []
        while True:
            query = LogQuery(filter=which, follow=True, limit=1000, cursor=self._cursor)
            page = self._client.filter_logs(query)
            self._cursor = page.next_cursor
            new += page.items
            if len(page.items) < query.limit:
                return new


def watch_run(client: Client, flow_run_id: UUID, *, to_stderr: bool = False) -> int:
    """Show a run's states and log lines until it ends.

    Args:
        client: Where to ask.
        flow_run_id: The run.
        to_stderr: Whether stdout is kept for something else.

    Returns:
        The exit code: 0 if the run completed, else 1.

    Raises:
        NotFoundError: There is no such run.
    """
    follower = Follower(client, flow_run_id)
    news: list[tuple[datetime, str]] = []

    def show() -> None:
        # What was read stays in `news` where the next request fails, and is shown when it succeeds.
        news.extend((state.timestamp, state_text(state)) for state in follower.new_states())
        news.extend((line.timestamp, log_text(line)) for line in follower.new_logs())
        for _, text in sorted(news, key=lambda item: item[0]):
            typer.echo(text, err=to_stderr)
        news.clear()

    _until_ended(follower, show)
    return 0 if client.read_flow_run(flow_run_id).state.type.value == "COMPLETED" else 1


def follow_logs(client: Client, flow_run_id: UUID, write: Callable[[LogRecord], str]) -> None:
    """Show a run's log lines until it ends.

    Args:
        client: Where to ask.
        flow_run_id: The run.
        write: Turns a line into text.

    Raises:
        NotFoundError: There is no such run.
    """
    follower = Follower(client, flow_run_id)

    def show() -> None:
        for line in follower.new_logs():
            typer.echo(write(line))

    _until_ended(follower, show)


def read_all_logs(client: Client, flow_run_id: UUID) -> list[LogRecord]:
    """Read all log lines that there are of a run."""
    return Follower(client, flow_run_id).new_logs()


def log_text(line: LogRecord) -> str:
    """Write a log line for people."""
    level = _LEVELS.get(line.level, str(line.level))
    shown = typer.style(f"{level:<8}", fg=_LEVEL_COLOURS.get(level))
    return f"{local_time(line.timestamp, milliseconds=True)} | {shown} | {line.logger} - {line.message}"


def state_text(state: StateRecord) -> str:
    """Write a change of state for people."""
    message = f": {state.message}" if state.message else ""
    return f"{local_time(state.timestamp, milliseconds=True)} | {coloured(state)}{message}"


def _until_ended(follower: Follower, show: Callable[[], None]) -> None:
    away = False
    while True:
        try:
            ended = follower.ended()
            show()
            if ended:
                return
            away = False
        except ApiUnreachableError as error:
            if not away:
                typer.echo(f"{error}; still trying", err=True)
            away = True
        time.sleep(_POLL_SECONDS)
