"""`alisio asset`: the things outside that flows make and use, and what is made from what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.options import Output, OutputOption, example

if TYPE_CHECKING:
    from alisio.contract.assets import AssetRecord, Materialization

app = typer.Typer(name="asset", help="Look at assets, when they were made, and from what.", no_args_is_help=True)
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The asset's key, a URI.")]


@app.command("ls", epilog=example("alisio asset ls", "alisio asset ls --prefix s3://lake/"))
def list_assets(
    prefix: Annotated[str | None, typer.Option(help="Only those whose key begins so.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, by key.")] = 100,
    output: OutputOption = Output.TABLE,
) -> None:
    """List assets, and how their last materialization went."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.assets import AssetFilter, AssetQuery

    which = AssetFilter(prefix=prefix)
    with session() as client:
        found = read_pages(
            lambda size, cursor: client.filter_assets(AssetQuery(filter=which, limit=size, cursor=cursor)), limit
        )
    rows = [
        (each.key, each.properties.name, _health(each.last), local_time(each.last.timestamp if each.last else None))
        for each in found
    ]
    show_rows(found, ("key", "name", "last", "when"), rows, output)


@app.command("inspect", epilog=example("alisio asset inspect s3://lake/clean.csv"))
def inspect(key: KeyArgument, output: OutputOption = Output.TABLE) -> None:
    """Show an asset whole, with what it was directly made from, and what was made from it."""
    from alisio.cli.errors import CommandError
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session
    from alisio.contract.assets import AssetFilter, AssetQuery

    with session() as client:
        found = client.filter_assets(AssetQuery(filter=AssetFilter(keys=[key]))).items
    if not found:
        raise CommandError(f"there is no asset {key!r}; `alisio asset ls` lists them")
    show_model(found[0], output, **_lines(found[0]))


@app.command("materializations", epilog=example("alisio asset materializations s3://lake/clean.csv --limit 5"))
def materializations(
    key: KeyArgument,
    limit: Annotated[int, typer.Option(min=1, help="At most this many, the newest first.")] = 20,
    output: OutputOption = Output.TABLE,
) -> None:
    """List when an asset was made, by which runs, and what they told of it."""
    from alisio.cli.rendering import json_line, local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.assets import MaterializationFilter, MaterializationQuery

    which = MaterializationFilter(asset_keys=[key])
    with session() as client:
        found = read_pages(
            lambda size, cursor: client.filter_materializations(
                MaterializationQuery(filter=which, limit=size, cursor=cursor)
            ),
            limit,
        )
    rows = [
        (local_time(each.timestamp), _health(each), each.flow_run_id, each.by, json_line(each.metadata))
        for each in found
    ]
    show_rows(found, ("when", "how", "flow run", "by", "metadata"), rows, output)


@app.command("lineage", epilog=example("alisio asset lineage s3://lake/clean.csv --depth 2"))
def lineage(
    key: KeyArgument,
    depth: Annotated[int, typer.Option(min=1, max=50, help="How many steps to go, up and down.")] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what an asset is made from, what that is made from, and what is made from it."""
    from alisio.cli.rendering import local_time, show_model, show_table
    from alisio.cli.session import session
    from alisio.contract.assets import LineageQuery

    with session() as client:
        found = client.read_lineage(LineageQuery(key=key, depth=depth))
    if output is Output.JSON:
        show_model(found, output)
        return
    show_table(("from", "made", "last"), [(e.upstream, e.downstream, local_time(e.last_seen)) for e in found.edges])
    if not found.complete:
        typer.echo("there is more: see --depth", err=True)


@app.command("delete", epilog=example("alisio asset delete s3://lake/clean.csv"))
def delete(key: KeyArgument) -> None:
    """Forget an asset, with its materializations and lineage; what it stands for is left alone."""
    from alisio.cli.errors import CommandError
    from alisio.cli.session import session
    from alisio.contract.assets import AssetsDelete

    with session() as client:
        gone = client.delete_assets(AssetsDelete(keys=[key])).count
    if not gone:
        raise CommandError(f"there is no asset {key!r}; `alisio asset ls` lists them")
    typer.echo(f"forgot asset {key}")


def _health(last: Materialization | None) -> str | None:
    if last is None:
        return None
    return "materialized" if last.succeeded else "failed"


def _lines(asset: AssetRecord) -> dict[str, list[str]]:
    from alisio.cli.rendering import fact_lines, json_line

    last = asset.last
    return {
        "properties": fact_lines(asset.properties.model_dump(exclude_none=True)),
        "last": [] if last is None else [f"{_health(last)} by flow run {last.flow_run_id}: {json_line(last.metadata)}"],
    }
