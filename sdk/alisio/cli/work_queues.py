"""`alisio work-queue`: the queues of a work pool, with their priorities and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.options import Output, OutputOption, example, read_limit

if TYPE_CHECKING:
    from alisio.contract.work_pools import WorkQueue, WorkQueuePatch

app = typer.Typer(name="work-queue", help="Create, order, limit and pause work queues.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The work queue's name.")]
PoolOption = Annotated[str, typer.Option("--pool", "-p", help="The work pool it belongs to.")]


@app.command("create", epilog=example("alisio work-queue create urgent -p local --priority 1 --limit 2"))
def create(
    name: NameArgument,
    pool: PoolOption,
    priority: Annotated[int, typer.Option(min=1, help="1 is served first.")] = 100,
    limit: Annotated[int | None, typer.Option(min=0, help="How many runs at once.")] = None,
    description: Annotated[str | None, typer.Option(help="For people.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a work queue in a work pool."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session, with_pool_hint
    from alisio.contract.work_pools import WorkQueueCreate

    request = WorkQueueCreate(name=name, priority=priority, concurrency_limit=limit, description=description)
    with session() as client:
        queue = with_pool_hint(client, pool, lambda: client.create_work_queue(pool, request))
    if output is Output.JSON:
        show_model(queue, output)
    else:
        typer.echo(f"created work queue {queue.name} in {pool} with priority {queue.priority}")


@app.command("ls", epilog=example("alisio work-queue ls -p local"))
def list_queues(pool: PoolOption, output: OutputOption = Output.TABLE) -> None:
    """List the work queues of a work pool."""
    from alisio.cli.rendering import show_rows
    from alisio.cli.session import read_pages, session, with_pool_hint

    with session() as client:
        queues = with_pool_hint(
            client,
            pool,
            lambda: read_pages(lambda limit, cursor: client.list_work_queues(pool, limit, cursor), 10_000),
        )
    rows = [
        (queue.name, queue.priority, queue.concurrency_limit, queue.slots_in_use, queue.late, queue.paused)
        for queue in queues
    ]
    show_rows(queues, ("name", "priority", "limit", "in use", "late", "paused"), rows, output)


@app.command("inspect", epilog=example("alisio work-queue inspect urgent -p local"))
def inspect(name: NameArgument, pool: PoolOption, output: OutputOption = Output.TABLE) -> None:
    """Show a work queue whole."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        show_model(with_pool_hint(client, pool, lambda: client.read_work_queue(pool, name)), output)


@app.command("pause", epilog=example("alisio work-queue pause urgent -p local"))
def pause(name: NameArgument, pool: PoolOption) -> None:
    """Let no run of a work queue start. Those that run go on."""
    from alisio.contract.work_pools import WorkQueuePatch

    _change(pool, name, WorkQueuePatch(paused=True))
    typer.echo(f"paused work queue {name} of {pool}")


@app.command("resume", epilog=example("alisio work-queue resume urgent -p local"))
def resume(name: NameArgument, pool: PoolOption) -> None:
    """Let the runs of a work queue start again."""
    from alisio.contract.work_pools import WorkQueuePatch

    _change(pool, name, WorkQueuePatch(paused=False))
    typer.echo(f"resumed work queue {name} of {pool}")


@app.command("set-limit", epilog=example("alisio work-queue set-limit urgent 2 -p local"))
def set_limit(
    name: NameArgument,
    limit: Annotated[str, typer.Argument(metavar="N|none", help="How many runs at once; none: no limit.")],
    pool: PoolOption,
) -> None:
    """Limit how many runs of a work queue run at once."""
    from alisio.contract.work_pools import WorkQueuePatch

    queue = _change(pool, name, WorkQueuePatch(concurrency_limit=read_limit(limit)))
    shown = "no limit" if queue.concurrency_limit is None else f"limit {queue.concurrency_limit}"
    typer.echo(f"work queue {name} of {pool} has {shown}")


@app.command("set-priority", epilog=example("alisio work-queue set-priority urgent 1 -p local"))
def set_priority(
    name: NameArgument,
    priority: Annotated[int, typer.Argument(min=1, help="1 is served first.")],
    pool: PoolOption,
) -> None:
    """Say when a work queue is served: 1 first."""
    from alisio.contract.work_pools import WorkQueuePatch

    queue = _change(pool, name, WorkQueuePatch(priority=priority))
    typer.echo(f"work queue {name} of {pool} has priority {queue.priority}")


@app.command("delete", epilog=example("alisio work-queue delete urgent -p local"))
def delete(name: NameArgument, pool: PoolOption) -> None:
    """Delete a work queue."""
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        with_pool_hint(client, pool, lambda: client.delete_work_queue(pool, name))
    typer.echo(f"deleted work queue {name} of {pool}")


def _change(pool: str, name: str, patch: WorkQueuePatch) -> WorkQueue:
    from alisio.cli.session import session, with_pool_hint

    with session() as client:
        return with_pool_hint(client, pool, lambda: client.change_work_queue(pool, name, patch))
