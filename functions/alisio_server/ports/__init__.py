"""What differs between cloud and laptop, as Protocols. `adapters/` implements them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    # Building these models would cost every script that records its run 20 ms.
    from alisio.contract.deployments import Upload


@dataclass(frozen=True)
class WakeUp:
    """A hint that there may be work in a queue. Losing or doubling one does no harm.

    Attributes:
        work_queue_id: The queue to look into.
        flow_run_id: The run that gave the reason; nobody relies on it.
        due: When the run is due: the wake-up is to arrive then, not before.
    """

    work_queue_id: UUID
    flow_run_id: UUID
    due: datetime


class WakeUps(Protocol):
    """The bell."""

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Send wake-ups, each to arrive when its run is due (at most 15 minutes ahead).

        Raises:
            OSError: The bell cannot be reached; the caller leaves `wake_at` as it is, so that it is tried again.
        """
        ...


@dataclass(frozen=True)
class QueueAddress:
    """Where agents receive the wake-ups of a work queue.

    Attributes:
        url: The address of the queue.
        region: The region of the cloud that it is in.
    """

    url: str
    region: str


@dataclass(frozen=True)
class LentCredentials:
    """Credentials of the cloud for an agent, good for receiving from certain queues and for nothing else.

    Attributes:
        access_key_id: As the cloud names it.
        secret_access_key: The secret.
        session_token: What makes them those of a session.
        expires: When they end.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires: datetime


class WakeUpQueues(Protocol):
    """The queues of a bell that agents listen to directly; a server without them has agents ask it by long polls."""

    def addresses(self, queue_ids: Iterable[UUID]) -> Mapping[UUID, QueueAddress]:
        """Tell where agents listen for work queues, and make what is missing for that.

        Raises:
            OSError: The bell cannot be reached.
        """
        ...

    def lend(self, queue_ids: Iterable[UUID]) -> Mapping[UUID, LentCredentials]:
        """Give agents what they need to receive from these queues; nothing where they have credentials themselves.

        Raises:
            OSError: The cloud gives none at the moment.
        """
        ...

    def forget(self, queue_ids: Iterable[UUID]) -> None:
        """Remove what belongs to work queues that were deleted; no error where there is nothing.

        Raises:
            OSError: The bell cannot be reached; the caller tries again.
        """
        ...


class ObjectStore(Protocol):
    """Where bundles (and later results) are kept, by key."""

    def put(self, key: str, content: bytes) -> None:
        """Store content whole or not at all."""
        ...

    def get(self, key: str) -> bytes:
        """Fetch content.

        Raises:
            KeyError: There is none by that key.
        """
        ...

    def size_of(self, key: str) -> int | None:
        """Tell how many bytes there are by that key; None: there is no content, not even an empty one."""
        ...

    def delete(self, key: str) -> None:
        """Remove content; no error where there is none."""
        ...

    def upload_for(self, key: str, size: int, sha256: str) -> Upload:
        """Tell a client how to send the content itself; what is not of that size and digest is refused there."""
        ...

    def download_url(self, key: str) -> str:
        """Tell where a client gets the content: absolute, or a path that begins with `/api/`."""
        ...


@dataclass(frozen=True)
class Timer:
    """When the runs of a schedule are to be made next.

    Attributes:
        name: Of the schedule alone, and for people: it begins with the name of the deployment.
        deployment_id: Whose schedule it is.
        slug: Which of its schedules.
        at: When it fires.
    """

    name: str
    deployment_id: UUID
    slug: str
    at: datetime


class Timers(Protocol):
    """Alarm clocks of the cloud, one a schedule. The tick does all they do, so losing one does no harm."""

    def arm(self, timer: Timer) -> None:
        """Set a timer, or move the one of that name.

        Raises:
            OSError: The timers cannot be reached.
        """
        ...

    def disarm(self, name: str) -> None:
        """Remove a timer; no error where there is none.

        Raises:
            OSError: The timers cannot be reached.
        """
        ...


class Cipher(Protocol):
    """What secrets are encrypted with before they are stored."""

    def encrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Encrypt content.

        Args:
            content: What to encrypt.
            context: What it belongs to, such as a table and a row: it is no secret, and wanted again to decrypt.

        Returns:
            The encrypted content, which tells the key that it takes; so keys can be turned over.

        Raises:
            UnavailableError: The key cannot be used at the moment.
        """
        ...

    def decrypt(self, content: bytes, context: Mapping[str, str]) -> bytes:
        """Decrypt content.

        Raises:
            ConflictError: `secrets_unreadable`: its key is gone, or this is not what was encrypted in this context.
            UnavailableError: The key cannot be used at the moment.
        """
        ...
