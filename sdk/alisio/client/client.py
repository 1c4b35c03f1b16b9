"""The synchronous client, and finding the server to talk to."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

from alisio.client.calls import deployments
from alisio.client.calls.base import Call, read_answer
from alisio.client.methods import RouteMethods
from alisio.client.opening import open_transport
from alisio.client.transport import Transport
from alisio.contract.artifacts import ArtifactRecord
from alisio.contract.deployments import BundleAnnounce, BundleAnswer
from alisio.contract.reports import ReportAnswer
from alisio.settings import Settings, current_settings

AnswerT = TypeVar("AnswerT")


def open_client(settings: Settings | None = None) -> Client:
    """Open a client to the server that the settings name; see `alisio.client.opening.open_transport`.

    Args:
        settings: In place of those that hold now.

    Returns:
        The client: use it in a `with` block, or close it.

    Raises:
        SettingsError: A setting cannot be used.
        ApiUnreachableError: The database cannot be used.
    """
    return Client(open_transport(settings or current_settings()))


class Client(RouteMethods):
    """The API as methods; safe to use from several threads."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @classmethod
    def over_http(cls, api_url: str, api_key: str | None = None) -> Client:
        """Make a client to an address, such as `http://127.0.0.1:4200/api`, that shows an API key there."""
        from alisio.client.http import HttpTransport

        return cls(HttpTransport(api_url.rstrip("/"), api_key))

    @property
    def api_url(self) -> str | None:
        """The server's address; None where it works on the database in this process."""
        return self._transport.api_url

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, call: Call[AnswerT]) -> AnswerT:
        return read_answer(call, self._transport.send(call))

    def tick_if_embedded(self) -> None:
        """Where no server does ticks, do one now, so that what is read is up to date."""
        self._transport.tick()

    def send_report(self, flow_run_id: UUID, report: Mapping[str, Any]) -> ReportAnswer:
        """Send a report: a `Report` of the contract as JSON data."""
        return self._transport.send_report(flow_run_id, report)

    def upload_artifact_data(self, content: bytes) -> UUID:
        """Send data of an artifact that are too large to travel with it.

        Args:
            content: They, as JSON.

        Returns:
            The id by which the artifact names them.
        """
        from alisio.client.artifact_steps import upload_content
        from alisio.client.operations import drive

        return drive(upload_content(content), self._send)

    def download_artifact_data(self, data_id: UUID) -> Any:
        """Fetch data of an artifact that are too large to travel with it."""
        from alisio.client.artifact_steps import download_data
        from alisio.client.operations import drive

        return drive(download_data(data_id), self._send)

    def whole_artifact(self, record: ArtifactRecord) -> ArtifactRecord:
        """Give an artifact that was read with its data, wherever they lie."""
        if record.data_id is None:
            return record
        return record.model_copy(update={"data": self.download_artifact_data(record.data_id)})

    def upload_bundle(self, content: bytes) -> BundleAnswer:
        """Send a bundle, unless the server has it already.

        Args:
            content: The archive.

        Returns:
            What the server knows of it, with its sha256.
        """
        announce = BundleAnnounce(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
        answer = self._send(deployments.announce_bundle(announce))
        if answer.upload is None:
            return answer
        if answer.upload.url.startswith("/"):
            self._send(deployments.upload_bundle(answer.upload, content))
            return answer
        from alisio.client.http import send_elsewhere

        send_elsewhere(answer.upload, content)
        # The server does not see what goes to its object store: now it looks.
        return self._send(deployments.announce_bundle(announce))
