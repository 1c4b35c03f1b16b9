"""`alisio deployment`: look at deployments, run them, pause and delete them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.options import (
    DeploymentArgument,
    DryRunOption,
    JobVariableOption,
    Output,
    OutputOption,
    ParamOption,
    ParamsOption,
    TagOption,
    YesOption,
    example,
    read_due,
    read_pairs,
    read_parameters,
    read_time,
)

if TYPE_CHECKING:
    from alisio.contract.deployments import BackfillAnswer

app = typer.Typer(name="deployment", help="Look at deployments, run and pause them.", no_args_is_help=True)


@app.command("ls", epilog=example("alisio deployment ls", "alisio deployment ls --output json"))
def list_deployments(
    flow: Annotated[str | None, typer.Option(help="Only deployments of this flow.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List deployments by name."""
    from alisio.cli.rendering import show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.deployments import DeploymentFilter, DeploymentQuery

    which = DeploymentFilter(flow_names=None if flow is None else [flow])
    with session() as client:
        found = read_pages(
            lambda limit, cursor: client.filter_deployments(DeploymentQuery(filter=which, limit=limit, cursor=cursor)),
            10_000,
        )
    rows = [
        (
            f"{item.flow_name}/{item.name}",
            f"{item.work_pool_name or '-'}/{item.work_queue_name or '-'}",
            len([schedule for schedule in item.schedules if schedule.active]),
            "paused" if item.paused else "active",
            ", ".join(item.tags),
        )
        for item in found
    ]
    show_rows(found, ("name", "pool/queue", "schedules", "status", "tags"), rows, output)


@app.command("inspect", epilog=example("alisio deployment inspect weather/hourly"))
def inspect(address: DeploymentArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a deployment whole, with its schedules."""
    from alisio.cli.describing import parameter_lines, schedule_line
    from alisio.cli.rendering import show_model
    from alisio.cli.session import find_deployment, session

    with session() as client:
        found = find_deployment(client, address)
    schedules = [schedule_line(schedule) for schedule in found.schedules]
    show_model(found, output, parameter_schema=parameter_lines(found.parameter_schema), schedules=schedules)


@app.command(
    "run",
    epilog=example(
        "alisio deployment run weather/hourly --param city=Seattle --watch",
        "alisio deployment run weather/hourly --in 10m --tag rerun",
    ),
)
def run(
    address: DeploymentArgument,
    param: ParamOption = None,
    params: ParamsOption = None,
    name: Annotated[str | None, typer.Option(help="The run's name.")] = None,
    tag: TagOption = None,
    in_: Annotated[str | None, typer.Option("--in", help="Start after a while: 30s, 10m, 2h, 1d.")] = None,
    at: Annotated[str | None, typer.Option(help="Start at a time in ISO 8601; local without an offset.")] = None,
    idempotency_key: Annotated[str | None, typer.Option(help="The same key gives back the first run.")] = None,
    job_variable: JobVariableOption = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Follow states and logs to the end.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Run a deployment.

    With `--watch` it exits with 0 if the run completes, else with 1; as JSON, states and logs go to stderr.
    """
    from alisio.cli.rendering import show_model
    from alisio.cli.session import find_deployment, session
    from alisio.cli.watching import watch_run
    from alisio.contract.runs import FlowRunCreate

    request = FlowRunCreate(
        parameters=read_parameters(param, params),
        name=name,
        tags=tag or [],
        job_variables=read_pairs(job_variable, "--job-variable"),
        due=read_due(in_, at),
        idempotency_key=idempotency_key,
    )
    with session() as client:
        created = client.create_run(find_deployment(client, address).id, request)
        if output is Output.JSON:
            show_model(created, output)
        else:
            typer.echo(f"created flow run {created.name} with id {created.id}")
        if watch:
            raise typer.Exit(watch_run(client, created.id, to_stderr=output is Output.JSON))


@app.command(
    "backfill",
    epilog=example(
        "alisio deployment backfill weather/hourly --from 2026-03-01 --to 2026-03-07T12:00",
        "alisio deployment backfill weather/hourly --from 2026-03-01 --schedule hourly --yes",
    ),
)
def backfill(
    address: DeploymentArgument,
    start: Annotated[str, typer.Option("--from", help="The first time, in ISO 8601; local without an offset.")],
    end: Annotated[str | None, typer.Option("--to", help="The last time; now where it is not given.")] = None,
    schedule: Annotated[str | None, typer.Option(help="Whose times, where there are several schedules.")] = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the runs of times of a schedule that have passed. They are shown before they are made.

    A time that has a run gets no other one. Each run knows its time: `runtime.flow_run.scheduled_start_time`.
    """
    from alisio.cli.rendering import local_time, show_model, show_rows
    from alisio.cli.session import find_deployment, session
    from alisio.contract.deployments import BackfillRequest

    wanted = BackfillRequest(
        schedule=schedule,
        start=read_time(start, "--from"),
        end=None if end is None else read_time(end, "--to"),
        dry_run=True,
    )
    with session() as client:
        found = find_deployment(client, address)
        answer = client.backfill_deployment(found.id, wanted)
        missing = sum(time.flow_run_id is None for time in answer.times)
        if output is Output.TABLE and answer.times:
            rows = [(local_time(item.time), item.flow_run_id or "to be made") for item in answer.times]
            show_rows(answer.times, ("time", "run"), rows, output)
        if missing and not dry_run:
            if not yes:
                typer.confirm(f"Make {missing} runs of {address}?", abort=True, err=output is Output.JSON)
            answer = client.backfill_deployment(found.id, wanted.model_copy(update={"dry_run": False}))
    if output is Output.JSON:
        show_model(answer, output)
    else:
        typer.echo(_outcome(answer, missing, address, dry_run=dry_run))


def _outcome(answer: BackfillAnswer, missing: int, address: str, *, dry_run: bool) -> str:
    if not answer.times:
        return f"no time of schedule {answer.schedule!r} lies there"
    if not missing:
        return "every time has its run already"
    return f"{missing} runs of {address} would be made" if dry_run else f"made {answer.created} runs of {address}"


@app.command("pause", epilog=example("alisio deployment pause weather/hourly"))
def pause(address: DeploymentArgument) -> None:
    """Let the schedules of a deployment make no runs."""
    from alisio.cli.session import find_deployment, session

    with session() as client:
        client.pause_deployment(find_deployment(client, address).id)
    typer.echo(f"paused deployment {address}")


@app.command("resume", epilog=example("alisio deployment resume weather/hourly"))
def resume(address: DeploymentArgument) -> None:
    """Let the schedules of a deployment make runs again."""
    from alisio.cli.session import find_deployment, session

    with session() as client:
        client.resume_deployment(find_deployment(client, address).id)
    typer.echo(f"resumed deployment {address}")


@app.command("delete", epilog=example("alisio deployment delete weather/hourly"))
def delete(address: DeploymentArgument) -> None:
    """Delete a deployment with its schedules. Its runs that have started stay."""
    from alisio.cli.session import find_deployment, session

    with session() as client:
        found = find_deployment(client, address)
        client.delete_deployment(found.id)
    typer.echo(f"deleted deployment {address}")
