"""`alisio artifact`: what runs show to people."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from alisio.cli.options import Output, OutputOption, example

app = typer.Typer(name="artifact", help="Look at what runs show to people, and remove it.", no_args_is_help=True)
_COLUMNS = ("id", "key", "type", "description", "flow run", "created")


@app.command("ls", epilog=example("alisio artifact ls", "alisio artifact ls --all --limit 100"))
def list_artifacts(
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 100,
    all_: Annotated[bool, typer.Option("--all", help="All versions, and those without a key.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List artifacts: the latest version of each key. Their data are shown by `inspect`."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.artifacts import ArtifactFilter, ArtifactQuery

    which = ArtifactFilter(latest=not all_)
    with session() as client:
        found = read_pages(
            lambda size, cursor: client.filter_artifacts(ArtifactQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [
        (each.id, each.key, each.type, _first_line(each.description), each.flow_run_id, local_time(each.created))
        for each in found
    ]
    show_rows(found, _COLUMNS, rows, output)


@app.command("inspect", epilog=example("alisio artifact inspect daily-report", "alisio artifact inspect gif -o json"))
def inspect(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The key.")],
    limit: Annotated[int, typer.Option(min=1, help="At most this many versions, the newest first.")] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show the versions of a key with their data, the newest first."""
    from alisio.cli.errors import CommandError
    from alisio.cli.rendering import show_json, show_model
    from alisio.cli.session import read_pages, session
    from alisio.contract.artifacts import ArtifactFilter, ArtifactQuery

    which = ArtifactFilter(keys=[key])
    with session() as client:
        listed = read_pages(
            lambda size, cursor: client.filter_artifacts(
                ArtifactQuery(filter=which, limit=size, cursor=cursor, with_data=True)
            ),
            limit,
        )
        found = [client.whole_artifact(each) for each in listed]
    if not found:
        raise CommandError(f"there is no artifact with the key {key!r}; `alisio artifact ls` lists them")
    if output is Output.JSON:
        show_json([each.model_dump(mode="json") for each in found])
        return
    for number, each in enumerate(found):
        if number:
            typer.echo()
        show_model(each, output)


@app.command(
    "delete",
    epilog=example(
        "alisio artifact delete daily-report", "alisio artifact delete --id 01900000-0000-7000-8000-000000000000"
    ),
)
def delete(
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="All versions of this key.")] = None,
    artifact_id: Annotated[UUID | None, typer.Option("--id", help="Only this artifact.")] = None,
) -> None:
    """Remove all versions of a key, or one artifact."""
    from alisio.cli.errors import CommandError
    from alisio.cli.session import session

    if (key is None) == (artifact_id is None):
        raise CommandError("name a key, or an artifact with --id")
    with session() as client:
        if key is not None:
            client.delete_artifact_versions(key)
        elif artifact_id is not None:
            client.delete_artifact(artifact_id)
    typer.echo(f"removed artifact {key or artifact_id}")


def _first_line(text: str | None) -> str | None:
    return None if text is None else (text.strip().splitlines() or [""])[0]
