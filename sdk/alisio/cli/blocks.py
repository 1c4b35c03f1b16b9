"""`alisio block`: look at blocks and their types, register types, delete them. Secrets are never shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import Output, OutputOption, YesOption, example

if TYPE_CHECKING:
    from types import ModuleType

    from alisio.blocks.core import Block
    from alisio.client import Client
    from alisio.contract.blocks import BlockDocument, BlockType

app = typer.Typer(name="block", help="Look at blocks, register their types, delete them.", no_args_is_help=True)
types = typer.Typer(name="type", help="Look at block types, and delete them.", no_args_is_help=True)
app.add_typer(types)
_ALL = 100_000
SlugArgument = Annotated[str | None, typer.Argument(metavar="SLUG/NAME", help="The block's type and name.")]
IdOption = Annotated[UUID | None, typer.Option("--id", help="The block's id, in place of type and name.")]
TypeArgument = Annotated[str, typer.Argument(metavar="SLUG", help="The block type's slug.")]


@app.command("ls", epilog=example("alisio block ls", "alisio block ls --type secret --output json"))
def list_blocks(
    type_: Annotated[str | None, typer.Option("--type", help="Only blocks of the type with this slug.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """List blocks by their types and names."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session
    from alisio.contract.blocks import BlockDocumentFilter, BlockDocumentQuery

    which = BlockDocumentFilter(block_type_slugs=None if type_ is None else [type_])
    with session() as client:
        blocks = read_pages(
            lambda limit, cursor: client.filter_block_documents(
                BlockDocumentQuery(filter=which, limit=limit, cursor=cursor)
            ),
            _ALL,
        )
    rows = [
        (one.id, one.block_type_name, one.name, f"{one.block_type_slug}/{one.name}", local_time(one.updated))
        for one in blocks
    ]
    show_rows(blocks, ("id", "type", "name", "slug", "updated"), rows, output)


@app.command("inspect", epilog=example("alisio block inspect secret/door"))
def inspect(slug: SlugArgument = None, id_: IdOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show a block whole, with masks in the place of its secrets."""
    from alisio.cli.rendering import show_model
    from alisio.cli.session import session

    with session() as client:
        show_model(_find(client, slug, id_), output)


@app.command("delete", epilog=example("alisio block delete secret/door"))
def delete(slug: SlugArgument = None, id_: IdOption = None) -> None:
    """Delete a block, unless another one holds it."""
    from alisio.cli.session import session

    with session() as client:
        found = _find(client, slug, id_)
        client.delete_block_document(found.id)
    typer.echo(f"deleted block {found.block_type_slug}/{found.name}")


@app.command(
    "register", epilog=example("alisio block register -m alisio.blocks.system", "alisio block register -f my_blocks.py")
)
def register(
    module: Annotated[str | None, typer.Option("--module", "-m", help="A module with block classes.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="A .py file with block classes.")] = None,
) -> None:
    """Register the types of the block classes that a module or a file defines."""
    if (module is None) == (file is None):
        raise CommandError("say where the block classes are: --module MODULE or --file FILE.py, one of them")
    loaded = _load(module, file)
    found = _classes_of(loaded)
    if not found:
        raise CommandError(f"{module or file} defines no block classes: subclasses of alisio.blocks.core.Block")
    for block_class in found:
        block_class.register_type_and_schema()
        typer.echo(f"registered block type {block_class.get_block_type_slug()}")


@types.command("ls", epilog=example("alisio block type ls"))
def list_types(output: OutputOption = Output.TABLE) -> None:
    """List block types by their slugs."""
    from alisio.cli.rendering import show_rows
    from alisio.cli.session import read_pages, session

    with session() as client:
        found = read_pages(client.list_block_types, _ALL)
    rows = [(kind.slug, kind.name, (kind.description or "-").splitlines()[0]) for kind in found]
    show_rows(found, ("slug", "name", "description"), rows, output)


@types.command("inspect", epilog=example("alisio block type inspect secret"))
def inspect_type(slug: TypeArgument, output: OutputOption = Output.TABLE) -> None:
    """Show a block type whole: what it is for, its fields, an example."""
    from alisio.cli.rendering import fact_lines, show_model
    from alisio.cli.session import session

    with session() as client:
        kind = _find_type(client, slug)
    schema = kind.block_schema
    show_model(kind, output, block_schema=[*fact_lines({"checksum": schema.checksum}), *_fields_of(schema.fields)])


@types.command("delete", epilog=example("alisio block type delete cube --yes"))
def delete_type(slug: TypeArgument, yes: YesOption = False) -> None:
    """Delete a block type with all of its blocks."""
    from alisio.cli.session import session

    with session() as client:
        kind = _find_type(client, slug)
        if not yes:
            typer.confirm(f"Delete the block type {kind.slug} with all of its blocks?", abort=True)
        client.delete_block_type(kind.slug)
    typer.echo(f"deleted block type {kind.slug}")


def _find(client: Client, slug: str | None, id_: UUID | None) -> BlockDocument:
    if (slug is None) == (id_ is None):
        raise CommandError("say which block: SLUG/NAME or --id ID, one of them")
    if id_ is not None:
        return client.read_block_document(id_)
    kind, slash, name = (slug or "").partition("/")
    if not slash or not kind or not name:
        raise CommandError(f"{slug!r} must be SLUG/NAME, such as secret/door; `alisio block ls` lists them")
    return client.read_block_document_by_name(kind, name)


def _find_type(client: Client, slug: str) -> BlockType:
    from alisio.cli.session import near, read_pages
    from alisio.exceptions import NotFoundError

    try:
        return client.read_block_type(slug)
    except NotFoundError as error:
        known = [kind.slug for kind in read_pages(client.list_block_types, _ALL)]
        raise CommandError(
            f"there is no block type {slug!r}; {near(slug, known, '`alisio block type ls` lists them')}"
        ) from error


def _load(module: str | None, file: Path | None) -> ModuleType:
    from alisio.engine.entrypoints import load_module

    return load_module(str(file) if file is not None else module or "", Path.cwd())


def _classes_of(module: ModuleType) -> list[type[Block]]:
    """Find the classes that a module defines itself, of which blocks can be saved."""
    import inspect

    from alisio.blocks.core import Block

    return [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Block)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
        and value is not Block
    ]


def _fields_of(schema: dict[str, Any]) -> list[str]:
    """Write a line for each field of a schema."""
    required = schema.get("required", [])
    lines = []
    for name, field in schema.get("properties", {}).items():
        kind = field.get("type") or ("one of several types" if "anyOf" in field else "any value")
        marks = [mark for mark, holds in (("secret", field.get("writeOnly")), ("required", name in required)) if holds]
        lines.append(f"{name}: {kind}{' (' + ', '.join(marks) + ')' if marks else ''}")
    return lines
