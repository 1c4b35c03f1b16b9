"""What differs between cloud and laptop, as Protocols. `adapters/` implements them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


class WakeUpQueues(Protocol):
    """The queues of a bell that agents listen to directly; a server without them has agents ask it by long polls."""

    def addresses(self, queue_ids: Iterable[UUID]) -> Mapping[UUID, QueueAddress]:
        """Tell where agents listen for work queues, and make what is missing for that.

        Raises:
            OSError: The bell cannot be reached.
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

    def exists(self, key: str) -> bool:
        """Tell whether there is content by that key."""
        ...

    def delete(self, key: str) -> None:
        """Remove content; no error where there is none."""
        ...

    def upload_for(self, key: str, size: int) -> Upload:
        """Tell a client how to send the content itself."""
        ...

    def download_url(self, key: str) -> str:
        """Tell where a client gets the content: absolute, or a path that begins with `/api/`."""
        ...
