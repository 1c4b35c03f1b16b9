"""`alisio api-key`: make the keys that a server wants, look at them, revoke them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.errors import CommandError
from alisio.cli.options import Output, OutputOption, example, read_ahead

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.access import ApiKey

app = typer.Typer(name="api-key", help="Make, list and revoke the keys that a server wants.", no_args_is_help=True)
_ALL = 100_000
_ROLES = "viewer, agent, deployer or admin"


@app.command(
    "create",
    epilog=example("alisio api-key create me --role admin", "alisio api-key create ci --role deployer --expires 90d"),
)
def create(
    name: Annotated[str, typer.Argument(help="What people know it by.")],
    role: Annotated[str, typer.Option(help=f"What it may do: {_ROLES}.")],
    expires: Annotated[str | None, typer.Option(help="After how long it is refused, such as 90d.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make an API key. It is shown this once; the first one must be an admin's, and closes the server."""
    from alisio.cli.rendering import show_json
    from alisio.cli.session import session
    from alisio.contract.access import ApiKeyCreate
    from alisio.contract.roles import Role

    if role not in list(Role):
        raise CommandError(f"--role {role!r} is unknown; it must be {_ROLES}")
    end = None if expires is None else read_ahead(expires, "--expires")
    with session() as client:
        made = client.create_api_key(ApiKeyCreate(name=name, role=Role(role), expires=end))
    if output is Output.JSON:
        show_json(made.model_dump(mode="json"))
        return
    typer.echo(f"API key {made.name} ({made.role}); it is not shown again:", err=True)
    typer.echo(made.key)


@app.command("ls", epilog=example("alisio api-key ls", "alisio api-key ls --output json"))
def list_keys(output: OutputOption = Output.TABLE) -> None:
    """List API keys, the newest first; those that were revoked or have expired too."""
    from alisio.cli.rendering import local_time, show_rows
    from alisio.cli.session import read_pages, session

    with session() as client:
        keys = read_pages(client.list_api_keys, _ALL)
    rows = [
        (key.id, key.name, key.role, _standing(key), local_time(key.expires), local_time(key.last_used), key.created_by)
        for key in keys
    ]
    show_rows(keys, ("id", "name", "role", "standing", "expires", "last used", "created by"), rows, output)


@app.command("revoke", epilog=example("alisio api-key revoke ci"))
def revoke(name: Annotated[str, typer.Argument(metavar="NAME-OR-ID", help="The key's name or id.")]) -> None:
    """Revoke an API key: in half a minute at most it is refused everywhere."""
    from alisio.cli.session import session

    with session() as client:
        revoked = client.revoke_api_key(_find(client, name).id)
    typer.echo(f"revoked API key {revoked.name} ({revoked.id})")


def _find(client: Client, wanted: str) -> ApiKey:
    from alisio.cli.session import near, read_pages

    keys = read_pages(client.list_api_keys, _ALL)
    by_id = next((key for key in keys if wanted in (str(key.id), key.id.hex)), None)
    by_name = next((key for key in keys if key.name == wanted and key.revoked is None), None)
    found = by_id or by_name
    if found is None:
        names = [key.name for key in keys if key.revoked is None]
        raise CommandError(f"no API key {wanted!r} holds; {near(wanted, names, '`alisio api-key ls` lists them')}")
    return found


def _standing(key: ApiKey) -> str:
    if key.revoked is not None:
        return "revoked"
    return "expired" if key.expires is not None and key.expires <= datetime.now(UTC) else "holds"
