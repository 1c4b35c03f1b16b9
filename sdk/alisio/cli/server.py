"""`alisio server`: start a server on this machine, ask after it, stop it; and its database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alisio.cli.options import Output, OutputOption, YesOption, example

if TYPE_CHECKING:
    from alisio.settings import Settings

app = typer.Typer(name="server", help="Run a server on this machine.", no_args_is_help=True)
database = typer.Typer(
    name="database", help="Look at the database, bring it to another version, or empty it.", no_args_is_help=True
)
app.add_typer(database)


@app.command("start", epilog=example("alisio server start", "alisio server start --host 0.0.0.0 --create-admin-key"))
def start(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port; needs PostgreSQL.")] = 1,
    create_admin_key: Annotated[
        bool, typer.Option("--create-admin-key", help="Make the first API key, and show it this once.")
    ] = False,
    tls_certificate: Annotated[Path | None, typer.Option(help="The certificate, in PEM; with it, https.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's key, in PEM.")] = None,
    background: Annotated[bool, typer.Option("--background", help="Return once it is up.")] = False,
) -> None:
    """Start a server, and stay until ctrl+c or SIGTERM unless it is sent to the background."""
    from alisio.cli.server_access import read_tls
    from alisio.cli.server_process import ServerPlace, run_here, run_in_background
    from alisio.settings import current_settings

    settings = current_settings()
    place = ServerPlace(
        host or settings.server_api_host,
        settings.server_api_port if port is None else port,
        workers,
        read_tls(tls_certificate, tls_key),
    )
    if not background:
        run_here(settings, place, typer.echo, create_admin_key=create_admin_key)
        return
    record, log_file = run_in_background(settings, place, create_admin_key=create_admin_key)
    typer.echo(f"the server runs at {record.url} as process {record.pid}; it writes to {log_file}")


@app.command("status", epilog=example("alisio server status", "alisio server status --output json"))
def status(output: OutputOption = Output.TABLE) -> None:
    """Show the server that commands would use. Exits with 1 where none answers."""
    from alisio.cli.errors import CommandError
    from alisio.cli.rendering import show_facts
    from alisio.client import Client
    from alisio.client.discovery import find_server, read_record
    from alisio.settings import current_settings

    settings = current_settings()
    url = find_server(settings)
    if url is None:
        raise CommandError(f"no server runs for {settings.home}; start it with `alisio server start`")
    with Client.over_http(url, settings.api_key) as client:
        health = client.read_health()
    record = read_record(settings.home)
    facts = {"url": url, **health.model_dump(mode="json")}
    if record is not None and record.url == url:
        facts |= {"pid": record.pid, "started": record.started, "database_url": record.database_url}
    show_facts(facts, output)


@app.command("stop", epilog=example("alisio server stop"))
def stop() -> None:
    """Stop the server that runs on this machine, and wait until it has ended."""
    from alisio.cli.server_process import stop_server
    from alisio.settings import current_settings

    settings = current_settings()
    pid = stop_server(settings)
    typer.echo(f"no server runs for {settings.home}" if pid is None else f"stopped the server, process {pid}")


@database.command("upgrade", epilog=example("alisio server database upgrade"))
def upgrade() -> None:
    """Bring the database to the newest version of its tables."""
    from alisio.client.embedded import upgrade_database

    settings = _settings_of_idle_database("upgrade")
    revision = upgrade_database(settings)
    typer.echo(f"{_name(settings)} is at version {revision}")


@database.command(
    "downgrade", epilog=example("alisio server database downgrade", "alisio server database downgrade base --yes")
)
def downgrade(
    revision: Annotated[str, typer.Argument(help="An older version, a number of steps such as -1, or base.")] = "-1",
    yes: YesOption = False,
) -> None:
    """Take the database back to an older version of its tables. What only newer ones can hold is lost."""
    from alisio.client.embedded import downgrade_database

    settings = _settings_of_idle_database("downgrade")
    if not yes:
        typer.confirm("What only the newer version can hold is lost. Go on?", abort=True)
    reached = downgrade_database(settings, revision)
    typer.echo(f"{_name(settings)} is at version {reached or 'base'}")


@database.command("stats", epilog=example("alisio server database stats", "alisio server database stats -o json"))
def stats(output: OutputOption = Output.TABLE) -> None:
    """Show how large each table is, and how much of it the retention lets go.

    Ticks remove that in small bites. What is kept for how long: `alisio config set ALISIO_RETENTION_LOGS=30d`.
    """
    from alisio.cli.rendering import local_time, show_rows
    from alisio.client.embedded import read_database_stats
    from alisio.settings import current_settings

    tables = read_database_stats(current_settings())
    rows = [
        (
            item.table,
            f"{item.rows:,}",
            "-" if item.bytes is None else f"{item.bytes / 1_000_000:,.1f} MB",
            local_time(item.oldest),
            f"{item.removable:,}",
        )
        for item in tables
    ]
    show_rows(tables, ("table", "rows", "size", "oldest", "to be removed"), rows, output)


@database.command("vacuum", epilog=example("alisio server database vacuum"))
def vacuum() -> None:
    """Give the space of removed rows back to the disk. The server of this machine has to be stopped before."""
    from alisio.client.embedded import vacuum_database

    settings = _settings_of_idle_database("vacuum")
    vacuum_database(settings)
    typer.echo(f"{_name(settings)} is vacuumed")


@database.command("reset", epilog=example("alisio server database reset --yes"))
def reset(yes: YesOption = False) -> None:
    """Remove everything from the database."""
    from alisio.client.embedded import reset_database

    settings = _settings_of_idle_database("reset")
    if not yes:
        typer.confirm("All flows, runs, deployments and logs are lost. Go on?", abort=True)
    reset_database(settings)
    typer.echo(f"{_name(settings)} is empty")


def _settings_of_idle_database(action: str) -> Settings:
    from alisio.cli.server_process import refuse_while_running
    from alisio.settings import current_settings

    settings = current_settings()
    refuse_while_running(settings, f"stop it with `alisio server stop` before you {action} its database")
    return settings


def _name(settings: Settings) -> str:
    from alisio.client.discovery import public_address

    return public_address(settings.api_database_connection_url)
