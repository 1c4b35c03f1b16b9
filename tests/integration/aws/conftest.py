"""AWS as moto imitates it, and ministack where bytes are to go over HTTP; and what a function is told of both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from alisio.contract.ids import new_id
from tests.ministack import REGION, Ministack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TICK_ARN = f"arn:aws:lambda:{REGION}:123456789012:function:alisio-test-tick:live"
ROLE_ARN = "arn:aws:iam::123456789012:role/alisio-test"


@dataclass
class Stage:
    """The resources of a stage that functions are told of.

    Attributes:
        prefix: What the names of its queues begin with.
        bucket: Its bucket.
        group: Its group of schedule entries.
    """

    prefix: str = field(default_factory=lambda: f"alisio-{new_id().hex[-12:]}")

    @property
    def bucket(self) -> str:
        """The name of its bucket."""
        return f"{self.prefix}-bucket"

    @property
    def group(self) -> str:
        """The name of its group of schedule entries."""
        return self.prefix


def make_bucket(name: str) -> S3Client:
    """Make a bucket; returns a client of S3."""
    client: S3Client = boto3.client("s3")
    client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def client_of_nothing(service: str) -> Any:
    """Open a client of a service at an address where nothing answers."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(connect_timeout=1, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage on AWS as moto imitates it."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        stage = Stage()
        make_bucket(stage.bucket)
        boto3.client("scheduler").create_schedule_group(Name=stage.group)
        yield stage


@pytest.fixture
def emulated(ministack: Ministack, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on ministack."""
    for name, value in ministack.environment.items():
        monkeypatch.setenv(name, value)
    stage = Stage()
    make_bucket(stage.bucket)
    boto3.client("scheduler").create_schedule_group(Name=stage.group)
    return stage


@pytest.fixture(params=["moto", "ministack"])
def stage(request: pytest.FixtureRequest) -> Stage:
    """A stage, once of each kind."""
    chosen: Stage = request.getfixturevalue("moto" if request.param == "moto" else "emulated")
    return chosen
