"""`alisio work-pool`: where runs wait for agents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.options import Output, OutputOption, example, read_limit

if TYPE_CHECKING:
    from alisio.contract.work_pools import WorkPool, WorkPoolPatch

app = typer.Typer(name="work-pool", help="Create, watch, limit and pause work pools.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The work pool's name.")]


@app.command("create", epilog=example("alisio work-pool create local", "alisio work-pool create big --limit 4"))
def create(
    name: NameArgument,
    type_: Annotated[str, typer.Option("--type", help="What agents start for a run: process.")] = "process",
    limit: Annotated[int | None, typer.Option(min=0, help="How many runs at once.")] = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a work pool, with a queue named `default`."""
    from alisio.cli.errors import CommandError
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session
    from alisio.contract.work_pools import WorkPoolCreate, WorkPoolType

    if type_ not in list(WorkPoolType):
        raise CommandError(f"--type {type_!r} must be one of: {', '.join(WorkPoolType)}")
    request = WorkPoolCreate(name=name, type=WorkPoolType(type_), concurrency_limit=limit, description=description)
    with session() as client:
        pool = client.create_work_pool(request)
    if output is Output.JSON:
        show_model(pool, output)
    else:
        typer.echo(f"created work pool {pool.name}; start an agent with `alisio agent start -p {pool.name}`")


@app.command("ls", epilog=example("alisio work-pool ls", "alisio work-pool ls --output json"))
def list_pools(output: OutputOption = Output.TABLE) -> None:
    """List work pools."""
    from alisio.cli.rendering import show_rows
    from alisio.cli.session import read_pages, session

    with session() as client:
        pools = read_pages(lambda limit, cursor: client.list_work_pools(limit, cursor), 10_000)
    rows = [
        (pool.name, pool.type.value, pool.status.value, pool.concurrency_limit, pool.slots_in_use) for pool in pools
    ]
    show_rows(pools, ("name", "type", "status", "limit", "in use"), rows, output)


@app.command("inspect", epilog=example("alisio work-pool inspect local"))
def inspect(name: NameArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a work pool whole."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        show_model(with_pool_hint(client, name, lambda: client.read_work_pool(name)), output)


@app.command("pause", epilog=example("alisio work-pool pause local"))
def pause(name: NameArgument) -> None:
    """Let no run of a work pool start. Those that run go on."""
    from alisio.contract.work_pools import WorkPoolPatch

    _change(name, WorkPoolPatch(paused=True))
    typer.echo(f"paused work pool {name}")


@app.command("resume", epilog=example("alisio work-pool resume local"))
def resume(name: NameArgument) -> None:
    """Let the runs of a work pool start again."""
    from alisio.contract.work_pools import WorkPoolPatch

    _change(name, WorkPoolPatch(paused=False))
    typer.echo(f"resumed work pool {name}")


@app.command("set-limit", epilog=example("alisio work-pool set-limit local 4", "alisio work-pool set-limit local none"))
def set_limit(
    name: NameArgument,
    limit: Annotated[str, typer.Argument(metavar="N|none", help="How many runs at once; none: no limit.")],
) -> None:
    """Limit how many runs of a work pool run at once."""
    from alisio.contract.work_pools import WorkPoolPatch

    pool = _change(name, WorkPoolPatch(concurrency_limit=read_limit(limit)))
    shown = "no limit" if pool.concurrency_limit is None else f"limit {pool.concurrency_limit}"
    typer.echo(f"work pool {name} has {shown}")


@app.command("delete", epilog=example("alisio work-pool delete local"))
def delete(name: NameArgument) -> None:
    """Delete a work pool, its queues and the runs that wait in it."""
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        with_pool_hint(client, name, lambda: client.delete_work_pool(name))
    typer.echo(f"deleted work pool {name}")


def _change(name: str, patch: WorkPoolPatch) -> WorkPool:
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        return with_pool_hint(client, name, lambda: client.change_work_pool(name, patch))
