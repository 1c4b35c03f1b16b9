"""API keys."""

from __future__ import annotations

from uuid import UUID

from alisio.contract.access import ApiKey, ApiKeyCreate, CreatedApiKey
from alisio.contract.base import Page
from alisio_server.access.rules import Access
from alisio_server.database.queries import access as queries
from alisio_server.orchestration import api_keys
from alisio_server.routes.support import PageCursor, PageLimit, Resource

resource = Resource("API keys")


def _read(key_id: UUID) -> ApiKey:
    with resource.services.database.read() as connection:
        return queries.get_api_key(connection, key_id)


@resource.route("POST", "/api/api-keys", access=Access.ADMIN, status=201, errors=(409,))
def create_api_key(wanted: ApiKeyCreate) -> CreatedApiKey:
    """Make an API key, which is shown this once."""
    services = resource.services
    with services.transaction() as tx:
        new = api_keys.create_api_key(tx, wanted, services.caller.name)
    return CreatedApiKey(**_read(new.id).model_dump(), key=new.text)


@resource.route("GET", "/api/api-keys", access=Access.ADMIN)
def list_api_keys(limit: PageLimit = 50, cursor: PageCursor = None) -> Page[ApiKey]:
    """List API keys, the newest first; those that were revoked or have expired too."""
    with resource.services.database.read() as connection:
        return queries.list_api_keys(connection, limit=limit, cursor=cursor)


@resource.route("POST", "/api/api-keys/<key_id>/revoke", access=Access.ADMIN, errors=(404,))
def revoke_api_key(key_id: UUID) -> ApiKey:
    """Revoke an API key: in half a minute at most it is refused everywhere."""
    with resource.services.transaction() as tx:
        api_keys.revoke_api_key(tx, key_id)
    return _read(key_id)
