"""`alisio flow`: the flows that the server knows."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import Output, OutputOption, example

app = typer.Typer(name="flow", help="Look at flows.", no_args_is_help=True)


@app.command("ls", epilog=example("alisio flow ls"))
def list_flows(
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 200,
    output: OutputOption = Output.TABLE,
) -> None:
    """List flows by name."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.deployments import FlowQuery

    with session() as client:
        flows = read_pages(lambda size, cursor: client.filter_flows(FlowQuery(limit=size, cursor=cursor)), limit)
    rows = [(flow.id, flow.name, local_time(flow.created)) for flow in flows]
    show_rows(flows, ("id", "name", "created"), rows, output)
