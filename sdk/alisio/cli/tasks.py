"""`alisio task`: running tasks that others have asked for in the background."""

from __future__ import annotations

from typing import Annotated

import typer

from alisio.cli.options import example

app = typer.Typer(name="task", help="Serve tasks that run in the background.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep `serve` a command of its own, though it is the only one."""


@app.command("serve", epilog=example("alisio task serve jobs.py:send_mail", "alisio task serve a.py:b a.py:c -l 4"))
def serve_tasks(
    entrypoints: Annotated[list[str], typer.Argument(metavar="FILE:TASK...", help="Where each task is.")],
    limit: Annotated[int, typer.Option("--limit", "-l", min=1, help="How many at once, of all together.")] = 10,
) -> None:
    """Run what is asked for of tasks by `delay` and `apply_async`, until ctrl+c or SIGTERM."""
    from pathlib import Path

    from alisio.background import load_tasks
    from alisio.task_worker import serve

    serve(*load_tasks(entrypoints, Path.cwd()), limit=limit)
