"""`alisio audit`: who changed what."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import Output, OutputOption, example, read_ago

app = typer.Typer(name="audit", help="See who changed what, and what was refused to whom.", no_args_is_help=True)


@app.command("ls", epilog=example("alisio audit ls --since 7d", "alisio audit ls --actor ci --action apply_deployment"))
def list_records(
    since: Annotated[str | None, typer.Option(help="Only of this last while, such as 12h or 7d.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only by the API key of this name, or by local.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this operation, such as delete_flow_run.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the changes made through the API, and those that were refused, the newest first."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session

    start = None if since is None else read_ago(since, "--since")
    with session() as client:
        records = read_pages(lambda size, cursor: client.list_audit_records(start, actor, action, size, cursor), limit)
    rows = [
        (
            local_time(record.timestamp),
            record.actor,
            record.role,
            record.source,
            record.action,
            "refused" if record.refused else "done",
            record.target,
            ", ".join(record.fields),
        )
        for record in records
    ]
    show_rows(records, ("when", "actor", "role", "from", "action", "outcome", "target", "fields"), rows, output)
