"""Who may reach a server that is about to start: beyond this machine, only those with an API key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from alisio.cli.errors import CommandError
from alisio.client.discovery import is_loopback
from alisio.settings import Settings

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.access import ApiKey

_ALL = 100_000
_FIRST_KEY = "admin"


def guard_start(settings: Settings, host: str, *, tls: bool, create_admin_key: bool) -> None:
    """See to it that whoever reaches the server from outside needs an API key.

    Args:
        settings: Where its database lies.
        host: What it is to listen on.
        tls: Whether it speaks TLS.
        create_admin_key: Whether to make the first key, and to show it on stdout, this once.

    Raises:
        AlisioError: There is no key that may be used, or one to make the first of; or the database cannot be used.
    """
    is_outside = not is_loopback(host)
    if is_outside or create_admin_key:
        _see_to_keys(settings, host, create_admin_key)
    if is_outside and not tls:
        typer.echo(
            f"warning: on {host} API keys and data go unencrypted; give --tls-certificate and --tls-key, or put "
            "something that speaks TLS in front",
            err=True,
        )


def read_tls(certificate: Path | None, key: Path | None) -> tuple[Path, Path] | None:
    """Read the options of TLS.

    Raises:
        CommandError: Only one of the two is given.
    """
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise CommandError("give both --tls-certificate and --tls-key, or neither")
    return certificate.absolute(), key.absolute()


def _see_to_keys(settings: Settings, host: str, create_admin_key: bool) -> None:
    from alisio.cli.session import read_pages
    from alisio.client.client import Client
    from alisio.client.embedded import EmbeddedTransport

    with Client(EmbeddedTransport(settings)) as client:
        keys = read_pages(client.list_api_keys, _ALL)
        if create_admin_key:
            _create_first_key(client, keys)
        elif not any(_is_usable(key) for key in keys):
            raise CommandError(
                f"the server does not listen on {host} without an API key, as whoever reaches the port could run code "
                "on this machine; add --create-admin-key, or make one with `alisio api-key create NAME --role admin`"
            )


def _create_first_key(client: Client, keys: list[ApiKey]) -> None:
    from alisio.contract.access import ApiKeyCreate
    from alisio.contract.roles import Role

    if keys:
        raise CommandError(
            "--create-admin-key makes only the first API key, and there is one already; make others with "
            "`alisio api-key create NAME --role admin`"
        )
    made = client.create_api_key(ApiKeyCreate(name=_FIRST_KEY, role=Role.ADMIN))
    typer.echo(f"API key {made.name} ({made.role}), which is not shown again: {made.key}")


def _is_usable(key: ApiKey) -> bool:
    return key.revoked is None and (key.expires is None or key.expires > datetime.now(UTC))
