"""`alisio flow-run`: look at runs, follow them, cancel, retry and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from alisio.cli.options import (
    DryRunOption,
    FlowRunArgument,
    Output,
    OutputOption,
    ParamOption,
    ParamsOption,
    StateOption,
    YesOption,
    example,
    read_ago,
    read_duration,
    read_parameters,
    read_states,
)

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.runs import FlowRun, FlowRunFilter

FlowOption = Annotated[str | None, typer.Option(help="Only runs of this flow.")]
DeploymentOption = Annotated[str | None, typer.Option(metavar="FLOW/DEPLOYMENT", help="Only its runs.")]

app = typer.Typer(name="flow-run", help="Look at flow runs, follow, cancel and retry them.", no_args_is_help=True)


@app.command("ls", epilog=example("alisio flow-run ls --state FAILED --limit 5", "alisio flow-run ls --output json"))
def list_runs(
    state: StateOption = None,
    flow: FlowOption = None,
    deployment: DeploymentOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """List flow runs, the newest first."""
    from alisio.cli.rendering import coloured, elapsed, local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.runs import FlowRunQuery

    with session() as client:
        which = _filter(client, state, flow, deployment)
        runs = read_pages(
            lambda size, cursor: client.filter_flow_runs(FlowRunQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [
        (run.id, run.flow_name, run.name, coloured(run.state), local_time(run.due), elapsed(run.started, run.ended))
        for run in runs
    ]
    show_rows(runs, ("id", "flow", "name", "state", "due", "took"), rows, output)


@app.command("history", epilog=example("alisio flow-run history --last 7d --every 1d --flow weather"))
def history(
    last: Annotated[str, typer.Option(help="How far back: 12h, 30d.")] = "1d",
    every: Annotated[str, typer.Option(help="From one line to the next: 1h, 1d.")] = "1h",
    flow: FlowOption = None,
    deployment: DeploymentOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Count flow runs over time, where they were due, by the state that they are in now."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import session
    from alisio.contract.base import utc_now
    from alisio.contract.history import FlowRunHistoryQuery
    from alisio.contract.states import StateType

    # Whole hours are counted beforehand, so the first line begins with one.
    start = read_ago(last, "--last").replace(minute=0, second=0, microsecond=0)
    seconds = max(1, round(read_duration(every, "--every")))
    with session() as client:
        which = _filter(client, None, flow, deployment)
        query = FlowRunHistoryQuery(filter=which, start=start, end=utc_now(), bucket_seconds=seconds)
        buckets = client.read_flow_run_history(query).buckets
    states = [state for state in StateType if any(state in bucket.runs for bucket in buckets)]
    rows = [(local_time(bucket.start), *(bucket.runs.get(state, "") for state in states)) for bucket in buckets]
    show_rows(buckets, ("from", *(state.lower() for state in states)), rows, output)


@app.command("inspect", epilog=example("alisio flow-run inspect 01900000-0000-7000-8000-000000000000"))
def inspect(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a flow run whole; the table also shows the states it went through."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session
    from alisio.cli.watching import state_text

    with session() as client:
        run = client.read_flow_run(flow_run_id)
        states = client.read_flow_run_states(flow_run_id)
    show_model(run, output, state=[state_text(record) for record in states])


@app.command("logs", epilog=example("alisio flow-run logs 01900000-0000-7000-8000-000000000000 --follow"))
def logs(
    flow_run_id: FlowRunArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the log lines of a flow run. As JSON, `--follow` writes one object a line."""
    from alisio.cli.rendering import show_json
    from alisio.cli.session import session
    from alisio.cli.watching import follow_logs, log_text, read_all_logs

    with session() as client:
        if follow:
            as_json = output is Output.JSON
            follow_logs(client, flow_run_id, lambda line: line.model_dump_json() if as_json else log_text(line))
            return
        client.read_flow_run(flow_run_id)
        lines = read_all_logs(client, flow_run_id)
    if output is Output.JSON:
        show_json([line.model_dump(mode="json") for line in lines])
    else:
        for line in lines:
            typer.echo(log_text(line))


@app.command("watch", epilog=example("alisio flow-run watch 01900000-0000-7000-8000-000000000000"))
def watch(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a flow run's states and logs as they come. Exits with 0 if it completes, else with 1.

    As JSON, states and logs go to stderr, and the run as it ended to stdout.
    """
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session
    from alisio.cli.watching import watch_run

    with session() as client:
        code = watch_run(client, flow_run_id, to_stderr=output is Output.JSON)
        if output is Output.JSON:
            show_model(client.read_flow_run(flow_run_id), output)
    raise typer.Exit(code)


@app.command("cancel", epilog=example("alisio flow-run cancel 01900000-0000-7000-8000-000000000000"))
def cancel(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Ask a flow run to stop."""
    from alisio.cli.session import session

    with session() as client:
        _show_state(client.cancel_flow_run(flow_run_id), output)


@app.command("pause", epilog=example("alisio flow-run pause 01900000-0000-7000-8000-000000000000"))
def pause(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Have a flow run pause at its next task. Its process waits until it is resumed."""
    from alisio.cli.session import session

    with session() as client:
        _show_state(client.pause_flow_run(flow_run_id), output)


@app.command("suspend", epilog=example("alisio flow-run suspend 01900000-0000-7000-8000-000000000000"))
def suspend(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Have the process of a flow run of a deployment end at its next task, to go on in another once it is resumed."""
    from alisio.cli.session import session

    with session() as client:
        _show_state(client.suspend_flow_run(flow_run_id), output)


@app.command(
    "resume",
    epilog=example(
        "alisio flow-run resume 01900000-0000-7000-8000-000000000000",
        "alisio flow-run resume 01900000-0000-7000-8000-000000000000 --param name=Ana --param age=7",
    ),
)
def resume(
    flow_run_id: FlowRunArgument,
    param: ParamOption = None,
    params: ParamsOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Let a paused or suspended flow run go on; parameters are the input that it waits for."""
    from alisio.cli.session import session
    from alisio.contract.control import ResumeRequest

    given = read_parameters(param, params) or None
    with session() as client:
        _show_state(client.resume_flow_run(flow_run_id, ResumeRequest(input=given)), output)


@app.command("retry", epilog=example("alisio flow-run retry 01900000-0000-7000-8000-000000000000"))
def retry(flow_run_id: FlowRunArgument, output: OutputOption = Output.TABLE) -> None:
    """Schedule an ended flow run of a deployment again, as its next attempt."""
    from alisio.cli.session import session

    with session() as client:
        _show_state(client.retry_flow_run(flow_run_id), output)


@app.command(
    "delete",
    epilog=example(
        "alisio flow-run delete 01900000-0000-7000-8000-000000000000",
        "alisio flow-run delete --state FAILED --before 30d --deployment weather/hourly --dry-run",
    ),
)
def delete(
    flow_run_id: Annotated[UUID | None, typer.Argument(metavar="ID", help="The flow run's id.")] = None,
    state: StateOption = None,
    flow: FlowOption = None,
    deployment: DeploymentOption = None,
    before: Annotated[str | None, typer.Option(help="Only runs created so long ago or longer: 12h, 30d.")] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Delete a flow run, or all that the options find, with their task runs and logs.

    Runs that are claimed or running are left alone. Those of a schedule that have not started stay, as CANCELLED.
    """
    from alisio.cli.errors import CommandError
    from alisio.cli.session import session

    by_filter = bool(state) or any(option is not None for option in (flow, deployment, before))
    if by_filter == (flow_run_id is not None):
        raise CommandError("name a flow run, or say which ones with --state, --flow, --deployment or --before")
    with session() as client:
        if flow_run_id is not None:
            client.delete_flow_run(flow_run_id)
            typer.echo(f"deleted flow run {flow_run_id}")
            return
        _delete_by_filter(client, _filter(client, state, flow, deployment, before), dry_run=dry_run, yes=yes)


def _filter(
    client: Client, state: list[str] | None, flow: str | None, deployment: str | None, before: str | None = None
) -> FlowRunFilter:
    from alisio.cli.session import find_deployment
    from alisio.contract.runs import FlowRunFilter

    narrowed: dict[str, Any] = read_states(state)
    if flow is not None:
        narrowed["flow_names"] = [flow]
    if deployment is not None:
        narrowed["deployment_ids"] = [find_deployment(client, deployment).id]
    if before is not None:
        narrowed["created_before"] = read_ago(before, "--before")
    return FlowRunFilter(**narrowed)


def _delete_by_filter(client: Client, which: FlowRunFilter, *, dry_run: bool, yes: bool) -> None:
    from alisio.contract.runs import FlowRunsDelete

    found = client.delete_flow_runs(FlowRunsDelete(filter=which, dry_run=True)).remaining
    number = f"{found.count:,}{'+' if found.capped else ''} flow runs"
    if dry_run or found.count == 0:
        typer.echo(f"{number} would be deleted" if found.count else "no flow run is there to be deleted")
        return
    if not yes:
        typer.confirm(f"Delete {number} with their task runs and logs?", abort=True)
    deleted = cancelled = 0
    remaining = found.count
    while remaining:
        answer = client.delete_flow_runs(FlowRunsDelete(filter=which))
        deleted, cancelled, remaining = deleted + answer.deleted, cancelled + answer.cancelled, answer.remaining.count
    stay = f"; {cancelled:,} of schedules were cancelled and stay" if cancelled else ""
    typer.echo(f"deleted {deleted:,} flow runs{stay}")


def _show_state(run: FlowRun, output: Output) -> None:
    from alisio.cli.rendering import show_model

    if output is Output.JSON:
        show_model(run, output)
    else:
        typer.echo(f"flow run {run.name} is {run.state.name}")
