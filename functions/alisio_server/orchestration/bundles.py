"""Bundles: archives of code, known by the sha256 of their bytes, kept in the object store."""

from __future__ import annotations

import hashlib

from sqlalchemy import insert, select, update

from alisio.contract.deployments import BundleAnnounce, BundleAnswer
from alisio_server.database.tables import bundle
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.services import Services


def bundle_key(sha256: str) -> str:
    """Tell by which key the object store knows a bundle."""
    return f"bundles/{sha256}"


def announce_bundle(services: Services, announced: BundleAnnounce) -> BundleAnswer:
    """Say whether a bundle is here already, and if not, how to send it."""
    key = bundle_key(announced.sha256)
    with services.transaction() as tx:
        # It is about to be deployed: its time as an unused one begins anew.
        fresh = update(bundle).where(bundle.c.sha256 == announced.sha256).values(unused_since=None)
        size = tx.connection.execute(fresh.returning(bundle.c.size)).scalar_one_or_none()
    if size is not None and services.objects.exists(key):
        return BundleAnswer(sha256=announced.sha256, size=size)
    upload = services.objects.upload_for(key, announced.size)
    return BundleAnswer(sha256=announced.sha256, size=announced.size, upload=upload)


def store_bundle(services: Services, sha256: str, content: bytes) -> BundleAnswer:
    """Store a bundle, whole or not at all. Storing one again does no harm.

    Args:
        services: The database and the object store.
        sha256: Its name.
        content: Its bytes.

    Returns:
        What is known of it now.

    Raises:
        InvalidInputError: The content is not what its name says; nothing is stored.
        OSError: The object store cannot be written.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise InvalidInputError(
            f"the content's sha256 is {found}, not {sha256}: send the archive again",
            code="sha256_mismatch",
            field="sha256",
        )
    services.objects.put(bundle_key(sha256), content)
    with services.transaction() as tx:
        known = tx.connection.execute(select(bundle.c.size).where(bundle.c.sha256 == sha256)).scalar_one_or_none()
        if known is None:
            tx.connection.execute(insert(bundle).values(sha256=sha256, size=len(content), created=tx.now()))
    return BundleAnswer(sha256=sha256, size=len(content))


def fetch_bundle(services: Services, sha256: str) -> bytes:
    """Fetch a bundle's bytes.

    Raises:
        NotFoundError: There is no such bundle.
    """
    try:
        return services.objects.get(bundle_key(sha256))
    except KeyError:
        raise NotFoundError(
            f"there is no bundle {sha256}: deploy again", code="bundle_not_found", field="sha256"
        ) from None
