"""The client of a command, pages read to their end, and names looked up with a hint for typing errors."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from alisio.cli.errors import CommandError
from alisio.exceptions import NotFoundError

if TYPE_CHECKING:
    from alisio.client import Client
    from alisio.contract.base import Page
    from alisio.contract.deployments import Deployment

Item = TypeVar("Item")
_LOOKED_THROUGH = 1_000


@contextmanager
def session() -> Iterator[Client]:
    """Open the client of a command. Where no server runs, one tick first brings the database up to date."""
    from alisio.client import open_client

    with open_client() as client:
        client.tick_if_embedded()
        yield client


def read_pages(read: Callable[[int, str | None], Page[Item]], limit: int) -> list[Item]:
    """Read a listing page by page.

    Args:
        read: Reads one page, given its size and cursor.
        limit: How many rows are wanted.

    Returns:
        At most `limit` rows.
    """
    rows: list[Item] = []
    cursor: str | None = None
    while len(rows) < limit:
        page = read(min(200, limit - len(rows)), cursor)
        rows += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    return rows


def find_deployment(client: Client, address: str) -> Deployment:
    """Read a deployment by its address.

    Raises:
        CommandError: The address is not of the form `flow/deployment`, or there is none such; near names are told.
    """
    flow_name, slash, name = address.partition("/")
    if not slash or not flow_name or not name:
        raise CommandError(f"{address!r} must be FLOW/DEPLOYMENT; `alisio deployment ls` lists them")
    try:
        return client.read_deployment_by_name(flow_name, name)
    except NotFoundError as error:
        from alisio.contract.deployments import DeploymentQuery

        rows = read_pages(
            lambda limit, cursor: client.filter_deployments(DeploymentQuery(limit=limit, cursor=cursor)),
            _LOOKED_THROUGH,
        )
        known = [f"{row.flow_name}/{row.name}" for row in rows]
        raise CommandError(
            f"there is no deployment {address!r}; {near(address, known, '`alisio deployment ls` lists them')}"
        ) from error


def with_pool_hint(client: Client, pool: str, use: Callable[[], Item]) -> Item:
    """Do something with a work pool, and name the nearest ones where it does not exist.

    Raises:
        CommandError: There is no such pool.
    """
    try:
        return use()
    except NotFoundError as error:
        if not error.code.startswith("work_pool"):
            raise
        rows = read_pages(lambda limit, cursor: client.list_work_pools(limit, cursor), _LOOKED_THROUGH)
        otherwise = f"create it with `alisio work-pool create {pool}`"
        raise CommandError(
            f"there is no work pool {pool!r}; {near(pool, [row.name for row in rows], otherwise)}"
        ) from error


def near(name: str, known: Iterable[str], otherwise: str) -> str:
    """Write the hint after an unknown name: the nearest known ones, else what to do."""
    close: list[Any] = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not close:
        return otherwise
    return f"did you mean {' or '.join(repr(match) for match in close)}?"
