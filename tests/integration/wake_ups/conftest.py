"""The bells that must all behave alike.

Those of a laptop's process, of servers that share a PostgreSQL, SQS as moto imitates it, and SQS of a real server,
ministack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import boto3
import pytest
from moto import mock_aws

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio_server.adapters.aws.sqs import SqsWakeUps, open_sqs
from alisio_server.adapters.laptop.bells import Bells, OwnBells
from alisio_server.adapters.laptop.shared_bells import SharedBells
from alisio_server.ports import WakeUp, WakeUps
from tests.integration.orchestration.world import World
from tests.ministack import REGION, Ministack
from tests.waiting import wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Ringing(Protocol):
    """A bell and the ears for it."""

    wake_ups: WakeUps

    def hears(self, queue_id: UUID, seconds: float) -> bool:
        """Tell whether a wake-up of a queue is heard within so many seconds; it is then taken."""


class LaptopRinging:
    """The bells of one process, heard by long polls."""

    def __init__(self) -> None:
        self._bells = Bells()
        self.wake_ups: OwnBells | SharedBells = OwnBells(self._bells)
        self._after: dict[UUID, int] = {}

    def hears(self, queue_id: UUID, seconds: float) -> bool:
        """Wait as the server does for an agent."""
        answer = asyncio.run(self._bells.wait([queue_id], self._after.get(queue_id, 0), seconds))
        if answer.rang:
            self._after[queue_id] = answer.sequence
        return answer.rang

    def close(self) -> None:
        """End its threads."""
        self.wake_ups.close()
        self._bells.close()


class NotifyRinging(LaptopRinging):
    """Two servers that share a PostgreSQL: what the one sends is heard at the other."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._bells = Bells(shared=True)
        self._other = SharedBells(url, self._bells)
        self.wake_ups = SharedBells(url, Bells(shared=True))
        wait_until(self._is_heard, what="the other server to listen")

    def close(self) -> None:
        """End the threads of both."""
        self._other.close()
        super().close()

    def _is_heard(self) -> bool:
        probe = new_id()
        self.wake_ups.send([WakeUp(probe, new_id(), utc_now())])
        return self.hears(probe, 0.5)


class SqsRinging:
    """SQS, heard by receiving."""

    def __init__(self) -> None:
        self.prefix = f"test-{new_id().hex}"  # ministack keeps what other tests have left
        self.wake_ups: SqsWakeUps = open_sqs(self.prefix)
        self.client: SQSClient = boto3.client("sqs")

    def hears(self, queue_id: UUID, seconds: float) -> bool:
        """Receive as agents do, and delete what comes."""
        url = self.wake_ups.addresses([queue_id])[queue_id].url
        answer = self.client.receive_message(QueueUrl=url, WaitTimeSeconds=round(seconds), MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            self.client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return "Messages" in answer


@contextmanager
def moto_sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsRinging]:
    """Put moto in the place of AWS."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield SqsRinging()


@contextmanager
def ministack_sqs(monkeypatch: pytest.MonkeyPatch, server: Ministack) -> Iterator[SqsRinging]:
    """Point boto3 to ministack."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield SqsRinging()


@pytest.fixture(params=["moto", "ministack"])
def sqs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqsRinging]:
    """SQS, once of each kind."""
    if request.param == "moto":
        opened = moto_sqs(monkeypatch)
    else:
        opened = ministack_sqs(monkeypatch, request.getfixturevalue("ministack"))
    with opened as ringing:
        yield ringing


@pytest.fixture(params=["bells", "notify", "moto", "ministack"])
def ringing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ringing]:
    """A bell, once of each kind."""
    if request.param == "bells":
        laptop = LaptopRinging()
        yield laptop
        laptop.close()
    elif request.param == "notify":
        with request.getfixturevalue("postgres").database() as url:
            shared = NotifyRinging(url)
            yield shared
            shared.close()
    elif request.param == "moto":
        with moto_sqs(monkeypatch) as opened:
            yield opened
    else:
        with ministack_sqs(monkeypatch, request.getfixturevalue("ministack")) as opened:
            yield opened


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty server on SQLite with one work pool, `shore`."""
    world = World(f"sqlite:///{tmp_path}/alisio.db", tmp_path / "objects")
    world.pool()
    yield world
    world.close()
