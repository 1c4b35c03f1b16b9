"""Bundles: archives of code, known by the sha256 of their bytes, kept in the object store."""

from __future__ import annotations

import hashlib

from sqlalchemy import update

from alisio.contract.deployments import BundleAnnounce, BundleAnswer
from alisio_server.database.tables import bundle
from alisio_server.errors import InvalidInputError, NotFoundError
from alisio_server.orchestration.statements import insert_into
from alisio_server.services import Services, Transaction


def bundle_key(sha256: str) -> str:
    """Tell by which key the object store knows a bundle."""
    return f"bundles/{sha256}"


def announce_bundle(services: Services, announced: BundleAnnounce) -> BundleAnswer:
    """Say whether a bundle is here already, and if not, how to send it.

    One that was sent to an object store outside of this server is first heard of here, when it is announced again.
    """
    key = bundle_key(announced.sha256)
    with services.transaction() as tx:
        # It is about to be deployed: its time as an unused one begins anew.
        fresh = update(bundle).where(bundle.c.sha256 == announced.sha256).values(unused_since=None)
        known = tx.connection.execute(fresh.returning(bundle.c.size)).first() is not None
        # Only now: a purge that was removing this very bundle is over.
        size = services.objects.size_of(key)
        if size is not None and not known:
            _note(tx, announced.sha256, size)
    if size is not None:
        return BundleAnswer(sha256=announced.sha256, size=size)
    upload = services.objects.upload_for(key, announced.size, announced.sha256)
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
        _note(tx, sha256, len(content))
    return BundleAnswer(sha256=sha256, size=len(content))


def _note(tx: Transaction, sha256: str, size: int) -> None:
    row = insert_into(tx, bundle).values(sha256=sha256, size=size, created=tx.now())
    tx.connection.execute(row.on_conflict_do_nothing(index_elements=["sha256"]))


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
