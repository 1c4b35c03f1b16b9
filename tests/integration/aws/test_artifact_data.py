"""Large data of artifacts, sent to a bucket and fetched from it by the SDK's own steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from alisio.client.artifact_steps import download_data, upload_data
from alisio.client.calls.base import Call, Reply, encode_body, read_answer
from alisio.client.http import send_body_elsewhere
from alisio.client.operations import drive
from alisio.exceptions import ApiError
from alisio_server.adapters.aws.s3 import open_s3
from alisio_server.embedded import Backend
from tests.integration.aws.conftest import Stage
from tests.integration.orchestration.world import World


class Route:
    """The API over a bucket, whose uploads and downloads go past it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.spoilt = False

    def answer(self, call: Call[Any]) -> Any:
        """Answer a call as the HTTP transport does."""
        if call.elsewhere is not None:
            sent = replace(call, body=b"something else") if self.spoilt else call
            return read_answer(call, send_body_elsewhere(sent, call.elsewhere))
        content, _ = encode_body(call.body)
        headers = {"content-type": "application/json"}
        status, told, body = self._backend.handle(call.method, f"/api{call.path}", {}, headers, content)
        if status == 307:
            return read_answer(call, Reply(200, httpx.get(told["location"]).content))
        return read_answer(call, Reply(status, body))


def test_data_go_to_the_bucket_and_back(emulated: Stage, database_url: str, tmp_path: Path) -> None:
    """What is not what was announced is refused by the bucket, and is nobody's; what is comes back as it was."""
    world = World(database_url, tmp_path)
    route = Route(Backend(replace(world.services, objects=open_s3(emulated.bucket))))
    rows = [{"town": f"town {number}", "rain": number} for number in range(20_000)]

    data_id = drive(upload_data(rows), route.answer)

    assert rows == drive(download_data(data_id), route.answer)
    keys = [each["Key"] for each in boto3.client("s3").list_objects_v2(Bucket=emulated.bucket)["Contents"]]
    assert f"artifact-data/{data_id}" in keys
    route.spoilt = True
    with pytest.raises(ApiError, match="refused the artifact's data"):
        drive(upload_data(rows), route.answer)
    assert len(keys) == boto3.client("s3").list_objects_v2(Bucket=emulated.bucket)["KeyCount"]
    world.close()
