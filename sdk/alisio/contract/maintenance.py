"""What can be told of a database to those who keep it."""

from __future__ import annotations

from alisio.contract.base import Answer, Timestamp


class TableStats(Answer):
    """One table of the database.

    Attributes:
        bytes: With its indexes; None where the database cannot tell.
        oldest: When its oldest row was made; None where it is empty, or its rows do not say.
        removable: How many rows the retention lets go now.
    """

    table: str
    rows: int
    bytes: int | None = None
    oldest: Timestamp | None = None
    removable: int = 0
