"""`alisio event`: what user code has told that it happened."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import Output, OutputOption, example, read_ago

app = typer.Typer(name="event", help="Look at the events that user code has emitted.", no_args_is_help=True)


@app.command("ls", epilog=example("alisio event ls --since 1h", "alisio event ls --event file. --output json"))
def list_events(
    since: Annotated[str | None, typer.Option(help="Only those of the last: 1h, 7d.")] = None,
    event: Annotated[str | None, typer.Option(help="Only those whose name begins so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List events, the newest first."""
    from alisio.cli.rendering import json_line, local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.news import RESOURCE_ID
    from alisio.contract.user_events import EventFilter, EventQuery

    after = None if since is None else read_ago(since, "--since")
    which = EventFilter(event_prefix=event, occurred_after=after)
    with session() as client:
        found = read_pages(
            lambda size, cursor: client.filter_events(EventQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [
        (local_time(each.occurred), each.event, each.resource[RESOURCE_ID], json_line(each.payload)) for each in found
    ]
    show_rows(found, ("occurred", "event", "resource", "payload"), rows, output)
