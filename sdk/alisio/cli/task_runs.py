"""`alisio task-run`: which tasks a flow run has run, and how they ended."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import FlowRunArgument, Output, OutputOption, StateOption, example, read_states

app = typer.Typer(name="task-run", help="Look at the task runs of a flow run.", no_args_is_help=True)


@app.command(
    "ls",
    epilog=example(
        "alisio task-run ls 01900000-0000-7000-8000-000000000000",
        "alisio task-run ls 01900000-0000-7000-8000-000000000000 --state FAILED",
    ),
)
def list_task_runs(
    flow_run_id: FlowRunArgument,
    state: StateOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the oldest first.")] = 1_000,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the task runs of a flow run, the oldest first."""
    from alisio.cli.rendering import coloured, elapsed, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.runs import TaskRunFilter, TaskRunQuery

    which = TaskRunFilter(flow_run_ids=[flow_run_id], **read_states(state))
    with session() as client:
        client.read_flow_run(flow_run_id)
        runs = read_pages(
            lambda size, cursor: client.filter_task_runs(TaskRunQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [
        (run.id, run.name, run.attempt, coloured(run.state), elapsed(run.started, run.ended), run.state.message)
        for run in runs
    ]
    show_rows(runs, ("id", "name", "attempt", "state", "took", "message"), rows, output)
