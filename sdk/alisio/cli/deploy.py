"""`alisio deploy`: from a flow's entrypoint, or from the project file."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import (
    JobVariableOption,
    Output,
    OutputOption,
    ParamOption,
    ParamsOption,
    TagOption,
    example,
    read_duration,
    read_pairs,
    read_parameters,
)
from alisio.exceptions import InvalidInputError

if TYPE_CHECKING:
    from alisio.contract.deployments import ScheduleSpec
    from alisio.deployments.deploying import Plan, Source
    from alisio.deployments.project_file import DeploymentEntry

EXAMPLE = example(
    "alisio deploy",
    "alisio deploy --all",
    "alisio deploy flows/weather.py:weather --name hourly -p local --cron '0 * * * *' --timezone Europe/Madrid",
)


def deploy(
    entrypoint: Annotated[
        str | None, typer.Argument(metavar="[FILE.PY:FLOW]", help="The flow; else the project file says.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="The deployment's name.")] = None,
    pool: Annotated[str | None, typer.Option("--pool", "-p", help="The work pool that its runs go to.")] = None,
    queue: Annotated[str | None, typer.Option("--queue", "-q", help="The work queue there.")] = None,
    cron: Annotated[list[str] | None, typer.Option(help="Five fields. Repeatable.")] = None,
    interval: Annotated[list[str] | None, typer.Option(help="Such as 10m or 1d. Repeatable.")] = None,
    rrule: Annotated[list[str] | None, typer.Option(help="A rule of RFC 5545. Repeatable.")] = None,
    timezone: Annotated[str | None, typer.Option(help="The IANA time zone of the schedules; UTC.")] = None,
    param: ParamOption = None,
    params: ParamsOption = None,
    job_variable: JobVariableOption = None,
    tag: TagOption = None,
    version: Annotated[str | None, typer.Option(help="In place of the flow's own.")] = None,
    description: Annotated[str | None, typer.Option(help="In place of the flow's own.")] = None,
    concurrency_limit: Annotated[
        int | None, typer.Option("--concurrency-limit", "-cl", min=1, help="How many of its runs at once.")
    ] = None,
    collision_strategy: Annotated[
        str | None, typer.Option(help="What becomes of runs beyond the limit: ENQUEUE or CANCEL_NEW.")
    ] = None,
    file: Annotated[Path, typer.Option(help="The project file.")] = Path("alisio.yaml"),
    all_: Annotated[bool, typer.Option("--all", help="Every deployment of the project file.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Deploy flows, so that agents can run them.

    With FILE.PY:FLOW one deployment is made from the options. Without it the project file says what to deploy, and
    options go over what it says.
    """
    schedules = _read_schedules(cron or [], interval or [], rrule or [], timezone)
    given = {
        "work_pool_name": pool,
        "work_queue_name": queue,
        "parameters": read_parameters(param, params) or None,
        "job_variables": read_pairs(job_variable, "--job-variable") or None,
        "tags": tag,
        "version": version,
        "description": description,
        "schedules": schedules or None,
        "limits": _read_limits(concurrency_limit, collision_strategy),
    }
    said: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    if entrypoint is not None:
        planned = [_plan_from_options(entrypoint, name, all_, said)]
    else:
        planned = _plans_from_file(file, name, all_, said)
    _deploy_all(planned, output)


def _plan_from_options(entrypoint: str, name: str | None, all_: bool, said: dict[str, Any]) -> tuple[Source, Plan]:
    from alisio.deployments.deploying import Plan, source_of_entrypoint

    if all_:
        raise CommandError("give an entrypoint or --all, not both")
    if name is None or "work_pool_name" not in said:
        raise CommandError(f"{entrypoint!r} needs a name and a work pool: add --name NAME --pool POOL")
    plan = Plan(name=name, work_pool_name=said["work_pool_name"])
    return source_of_entrypoint(entrypoint, Path.cwd()), replace(plan, **said)


def _plans_from_file(file: Path, name: str | None, all_: bool, said: dict[str, Any]) -> list[tuple[Source, Plan]]:
    from alisio.deployments.deploying import source_in_project
    from alisio.deployments.project_file import read_project

    entries = _chosen(file, read_project(file), name, all_)
    root = file.resolve().parent
    return [(source_in_project(entry.entrypoint, root), _plan_of(file, entry, said)) for entry in entries]


def _chosen(file: Path, entries: list[DeploymentEntry], name: str | None, all_: bool) -> list[DeploymentEntry]:
    from alisio.cli.session import near

    names = [entry.name for entry in entries]
    if name is not None:
        chosen = [entry for entry in entries if entry.name == name]
        if not chosen:
            raise CommandError(f"{file} has no deployment {name!r}; {near(name, names, 'it has: ' + ', '.join(names))}")
        return chosen
    if len(entries) > 1 and not all_:
        raise CommandError(
            f"{file} has {len(entries)} deployments: {', '.join(names)}; choose one with --name, or --all"
        )
    return entries


def _plan_of(file: Path, entry: DeploymentEntry, said: dict[str, Any]) -> Plan:
    from alisio.deployments.deploying import Plan

    pool = entry.work_pool
    if pool is None and "work_pool_name" not in said:
        raise CommandError(f"{file}: {entry.name!r} names no work pool; add `work_pool: {{name: ...}}`, or give --pool")
    plan = Plan(
        name=entry.name,
        work_pool_name="" if pool is None else pool.name,
        work_queue_name="default" if pool is None else pool.queue,
        job_variables={} if pool is None else pool.job_variables,
        parameters=entry.parameters,
        tags=entry.tags,
        schedules=[schedule.to_spec() for schedule in entry.schedules],
        description=entry.description,
        version=entry.version,
        limits={} if entry.concurrency_limit is None else entry.concurrency_limit.to_spec(),
    )
    return replace(plan, **said)


def _deploy_all(planned: list[tuple[Source, Plan]], output: Output) -> None:
    from alisio.cli.rendering import show_json
    from alisio.cli.session import session, with_pool_hint
    from alisio.deployments.deploying import Deployer
    from alisio.engine.entrypoints import load_flow

    # Every flow is loaded before anything is sent: a broken one leaves nothing half done. What the files print
    # is not part of what this command prints.
    with redirect_stdout(sys.stderr):
        loaded = [(load_flow(source.entrypoint, source.root), source, plan) for source, plan in planned]
    deployed = []
    with session() as client:
        deployer = Deployer(client)
        for flow, source, plan in loaded:
            try:
                deployment = with_pool_hint(client, plan.work_pool_name, partial(deployer.deploy, flow, source, plan))
            except InvalidInputError as error:
                raise CommandError(f"deployment {flow.name}/{plan.name}: {error}") from error
            deployed.append(deployment)
            if output is Output.TABLE:
                bundle = deployer.bundle_of(source)
                address = f"{deployment.flow_name}/{deployment.name}"
                typer.echo(f"deployed {address} ({bundle.files} files, {bundle.size / 1000:.1f} kB)")
                typer.echo(f"  run it with `alisio deployment run '{address}'`")
    if output is Output.JSON:
        show_json([deployment.model_dump(mode="json") for deployment in deployed])


def _read_limits(limit: int | None, strategy: str | None) -> dict[str, Any] | None:
    from alisio.contract.limits import ConcurrencyLimitConfig, ConcurrencyLimitStrategy

    if limit is None and strategy is None:
        return None
    if limit is None:
        raise CommandError("--collision-strategy goes with --concurrency-limit")
    strategies = list(ConcurrencyLimitStrategy)
    if strategy is not None and strategy.upper() not in strategies:
        raise CommandError(f"--collision-strategy {strategy!r} must be {' or '.join(strategies)}")
    chosen = ConcurrencyLimitStrategy(strategy.upper() if strategy else ConcurrencyLimitStrategy.ENQUEUE)
    return ConcurrencyLimitConfig(limit=limit, collision_strategy=chosen).to_spec()


def _read_schedules(
    crons: list[str], intervals: list[str], rrules: list[str], timezone: str | None
) -> list[ScheduleSpec]:
    from alisio.contract.deployments import ScheduleSpec

    zone = timezone or "UTC"
    found = [ScheduleSpec(cron=cron, timezone=zone) for cron in crons]
    found += [ScheduleSpec(interval_seconds=read_duration(text, "--interval"), timezone=zone) for text in intervals]
    found += [ScheduleSpec(rrule=rrule, timezone=zone) for rrule in rrules]
    if timezone is not None and not found:
        raise CommandError("--timezone goes with --cron, --interval or --rrule")
    return found
