"""Who has looked at which secrets, for the audit log."""

from __future__ import annotations

from alisio_server.repeats import Repeats
from alisio_server.services import Services

_NOTED_EVERY_SECONDS = 60.0
_reveals = Repeats(_NOTED_EVERY_SECONDS)


def note_reveal(services: Services) -> None:
    """Write into the audit log that the request in hand reads secrets, before it gets them.

    What is read again and again, as by each task of a flow, is there once a minute.

    Args:
        services: Those of the request.
    """
    change = services.change
    if change is None or not _reveals.is_news(f"{services.database.url} {change.caller} {change.target}"):
        return
    with services.transaction():
        pass  # the first transaction of a request notes it
