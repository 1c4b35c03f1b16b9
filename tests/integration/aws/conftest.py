"""AWS as moto imitates it, and ministack where bytes are to go over HTTP; and what a function is told of both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws

from alisio.contract.access import ApiKeyCreate
from alisio.contract.ids import new_id
from alisio.contract.roles import Role
from alisio_server.adapters.aws.opening import open_services
from alisio_server.database.engine import Database
from alisio_server.orchestration.api_keys import create_api_key
from alisio_server.services import Transaction
from tests.integration.aws.functions import Cloud, forget
from tests.ministack import REGION, Ministack
from tests.postgres import Postgres

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


@pytest.fixture
def logs(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    """What functions log, as Lambda's own handler writes it."""
    written = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(written)])
    for name in ("alisio", "alisio_server"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.NOTSET)
    return written


@pytest.fixture
def environment(moto: Stage, logs: StringIO, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """What functions are told, but for the database; what they keep is forgotten before and after."""
    told = {
        "ALISIO_STAGE": "test",
        "ALISIO_BUCKET": moto.bucket,
        "ALISIO_SQS_PREFIX": moto.prefix,
        "ALISIO_SCHEDULE_GROUP": moto.group,
        "ALISIO_SCHEDULE_ROLE_ARN": ROLE_ARN,
        "ALISIO_TICK_FUNCTION_ARN": TICK_ARN,
        "ALISIO_AGENT_ROLE_ARN": ROLE_ARN,
        "ALISIO_RETENTION_LOGS": "7d",
        "POWERTOOLS_METRICS_NAMESPACE": "Alisio",
        "POWERTOOLS_SERVICE_NAME": "alisio-test",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    forget()
    yield moto
    if open_services.cache_info().currsize:
        open_services().database.dispose()
    forget()


@pytest.fixture
def cloud(environment: Stage, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A deployed stage with an admin's key."""
    with postgres.database() as url:
        monkeypatch.setenv("ALISIO_API_DATABASE_CONNECTION_URL", url)
        database = Database(url)
        with database.write() as connection:
            key = create_api_key(Transaction(connection, database), ApiKeyCreate(name="me", role=Role.ADMIN), "me")
        yield Cloud(environment, database, key.text, boto3.client("sqs"))
        database.dispose()
        if open_services.cache_info().currsize:
            open_services().database.dispose()
