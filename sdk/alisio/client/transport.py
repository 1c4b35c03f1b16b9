"""What carries a call to a server. `http` and `embedded` implement it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from alisio.client.calls.base import Call, Reply
from alisio.contract.reports import ReportAnswer


class Transport(Protocol):
    """The way to a server.

    Attributes:
        api_url: The server's address; None where it runs inside this process.
    """

    api_url: str | None

    def send(self, call: Call[Any]) -> Reply:
        """Carry a call to the server and bring back its reply.

        Raises:
            ApiUnreachableError: There was no reply.
        """
        ...

    def send_report(self, flow_run_id: UUID, report: Mapping[str, Any]) -> ReportAnswer:
        """Carry a report by the shortest way.

        Raises:
            ApiUnreachableError: There was no reply.
            ApiError: The server refused it.
        """
        ...

    def tick(self) -> None:
        """Bring the state of things up to date where no server does so by its own clock."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...
