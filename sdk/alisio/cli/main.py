"""The tree of commands and its entry point."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alisio.cli import (
    agents,
    api_keys,
    artifacts,
    assets,
    audit,
    blocks,
    cloud,
    config,
    deploy,
    deployments,
    events,
    flow_runs,
    flows,
    limits,
    server,
    task_runs,
    tasks,
    variables,
    work_pools,
    work_queues,
)
from alisio.cli.errors import OneLineGroup, run
from alisio.cli.options import Output, OutputOption, example

_PROGRAMS = ("alisio", "sdk")

app = typer.Typer(
    cls=OneLineGroup,
    help="Workflow orchestration: flows, deployments, schedules, work pools and agents.",
    epilog=example("python workflow.py", "alisio server start --background", "alisio deploy --all"),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
)
app.command("deploy", epilog=deploy.EXAMPLE)(deploy.deploy)
for group in (
    agents,
    api_keys,
    artifacts,
    assets,
    audit,
    blocks,
    cloud,
    config,
    deployments,
    events,
    flow_runs,
    flows,
    limits,
    server,
    task_runs,
    tasks,
    variables,
    work_pools,
    work_queues,
):
    app.add_typer(group.app)
app.add_typer(limits.tags_app)


@app.callback()
def root(
    traceback: Annotated[bool, typer.Option("--traceback", help="Show where in the code an error came from.")] = False,
) -> None:
    """Take the options that go before every command; `OneLineGroup` reads them."""


@app.command("version", epilog=example("alisio version"))
def version(output: OutputOption = Output.TABLE) -> None:
    """Show the versions of Alisio and Python."""
    import platform

    import alisio
    from alisio.cli.rendering import show_facts

    facts = {"alisio": alisio.__version__, "python": platform.python_version(), "platform": platform.platform()}
    show_facts(facts, output)


def main(arguments: list[str] | None = None) -> None:
    """Run the program and leave the process.

    Args:
        arguments: In place of the process's own.

    Raises:
        SystemExit: Always, with the exit code.
    """
    called = Path(sys.argv[0]).name
    name = called if called in _PROGRAMS else _PROGRAMS[0]
    command = typer.main.get_command(app)
    sys.exit(run(command, sys.argv[1:] if arguments is None else arguments, name))
