"""`alisio agent`: start an agent, and see which there are."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import Output, OutputOption, example

_MAX_DRAIN_SECONDS = 2 * 24 * 3600

app = typer.Typer(name="agent", help="Start agents, and see which there are.", no_args_is_help=True)


@app.command(
    "start",
    epilog=example(
        "alisio agent start -p local",
        "alisio agent start -p local -q urgent --limit 4",
        "alisio agent start -p cloud --drain-seconds 110",
    ),
)
def start(
    pool: Annotated[str, typer.Option("--pool", "-p", help="The work pool that it serves.")],
    queue: Annotated[
        list[str] | None, typer.Option("--queue", "-q", help="Only this work queue of it. Repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="How many runs at once.")] = None,
    name: Annotated[str | None, typer.Option(help="Its name; by default the host's, with the process id.")] = None,
    no_warm_start: Annotated[
        bool, typer.Option("--no-warm-start", help="Start each run in a fresh Python; slower.")
    ] = False,
    drain_seconds: Annotated[
        int, typer.Option(min=0, max=_MAX_DRAIN_SECONDS, help="How long to wait for its runs once told to stop.")
    ] = 0,
) -> None:
    """Start an agent, and stay until ctrl+c or SIGTERM; a second one ends it at once. The runs that it started go on.

    They cannot where they end with it, as in a container of its own: let it drain there.
    """
    from importlib import import_module

    # By name: the agent imports the SDK, and not the other way round.
    agent = import_module("alisio_agent.agent")
    options = agent.AgentOptions(
        work_pool_name=pool,
        queues=tuple(queue) if queue else None,
        limit=limit,
        name=name,
        warm_start=not no_warm_start,
        drain_seconds=drain_seconds,
    )
    raise typer.Exit(agent.run_agent(options))


@app.command("ls", epilog=example("alisio agent ls", "alisio agent ls -p local"))
def list_agents(
    pool: Annotated[str | None, typer.Option("--pool", "-p", help="Only agents of this work pool.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List agents, and whether they are online."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session, with_pool_hint

    with session() as client:
        if pool is not None:
            with_pool_hint(client, pool, lambda: client.read_work_pool(pool))
        agents = read_pages(lambda limit, cursor: client.list_agents(pool, limit, cursor), 10_000)
    rows = [
        (agent.name, agent.work_pool_name, agent.status.value, agent.host, agent.pid, local_time(agent.last_seen))
        for agent in agents
    ]
    show_rows(agents, ("name", "pool", "status", "host", "pid", "last seen"), rows, output)
