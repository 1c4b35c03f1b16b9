"""What `alisio cloud verify` says of resources that are right, wrong or not there, as far as moto can show it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from alisio.client import Client, open_client
from alisio.cloud.aws import Aws
from alisio.cloud.login import Access
from alisio.cloud.verification import clocks, database, runner
from alisio.cloud.verification.subject import CheckError, SkippedError, Subject
from alisio.settings import current_settings
from tests.integration.aws.conftest import ROLE_ARN, TICK_ARN, Stage
from tests.ministack import REGION

INSTANCE = "alisio-test"
NOWHERE = Access("https://127.0.0.1:9/api", "alisio_key")


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client of an API in this process."""
    with open_client(current_settings({"ALISIO_HOME": str(tmp_path / "home")})) as client:
        yield client


@pytest.fixture
def subject(moto: Stage, client: Client, monkeypatch: pytest.MonkeyPatch) -> Subject:
    """A stage on moto, whose stacks tell what is in it."""
    monkeypatch.setenv("AWS_REGION", REGION)
    outputs = {"DatabaseId": INSTANCE, "SqsPrefix": moto.prefix, "ScheduleGroup": moto.group}
    return Subject(Aws(), "test", outputs, NOWHERE, client)


def make_database(*, tls: str = "1", encrypted: bool = True, public: bool = False) -> None:
    """Make the instance of the stage, with its parameters."""
    rds = boto3.client("rds")
    group = {"DBParameterGroupName": "alisio-test"}
    rds.create_db_parameter_group(**group, DBParameterGroupFamily="postgres17", Description="of a test")
    changed = {"ParameterName": "rds.force_ssl", "ParameterValue": tls, "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(**group, Parameters=[changed])
    rds.create_db_instance(
        **group,
        DBInstanceIdentifier=INSTANCE,
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        AllocatedStorage=20,
        MasterUsername="alisio",
        MasterUserPassword="a-password",
        StorageEncrypted=encrypted,
        PubliclyAccessible=public,
    )


def test_a_database_that_is_as_deployed_passes(subject: Subject) -> None:
    """Encrypted, without a public address and with TLS alone; the line says what it is."""
    make_database()
    assert "on db.t4g.micro; the API reads from it (pools=" in database.check_instance(subject)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"encrypted": False}, "its storage is not encrypted"),
        ({"public": True}, "it has a public address"),
        ({"tls": "0"}, "it takes connections without TLS (rds.force_ssl is not 1)"),
    ],
)
def test_what_is_wrong_with_a_database_is_named(subject: Subject, given: dict[str, Any], fault: str) -> None:
    """Somebody has changed the instance by hand: the one fault is told, with the name of the instance."""
    make_database(**given)
    with pytest.raises(CheckError) as caught:
        database.check_instance(subject)
    assert f"{INSTANCE}: {fault}" == str(caught.value)


def test_what_a_stage_does_not_have_is_skipped(subject: Subject) -> None:
    """No proxy, no database of its own: each says so, and is no fault."""
    make_database()
    with pytest.raises(SkippedError, match="the stage has none"):
        database.check_proxy(subject)
    del subject.outputs["DatabaseId"]
    with pytest.raises(SkippedError, match="the stage makes no database of its own"):
        database.check_instance(subject)


def test_a_delayed_message_passes_and_its_queue_goes(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the check makes, it removes."""
    monkeypatch.setattr(clocks, "_DELAY_SECONDS", 1)
    assert clocks.check_delays(subject).startswith("a delay of 1 s took ")
    assert [] == boto3.client("sqs").list_queues(QueueNamePrefix=subject.outputs["SqsPrefix"]).get("QueueUrls", [])


def test_an_entry_that_does_not_fire_fails_and_goes(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that fires nothing fails the check; the entry of the check is removed all the same."""
    scheduler, group = boto3.client("scheduler"), subject.outputs["ScheduleGroup"]
    scheduler.create_schedule(
        Name="alisio-test-clockwork",
        ScheduleExpression="rate(1 minute)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": TICK_ARN, "RoleArn": ROLE_ARN, "Input": "{}"},
    )
    monkeypatch.setattr(clocks, "_FIRES_WITHIN", timedelta(0))
    with pytest.raises(CheckError, match="had not fired 0 s later"):
        clocks.check_scheduler(subject)
    assert [] == scheduler.list_schedules(GroupName=group)["Schedules"]


def test_a_check_that_cannot_be_made_keeps_no_other_from_being_made(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What AWS refuses is the finding of that check, in one line; those after it are made."""
    monkeypatch.setattr(runner, "read_outputs", lambda *_: subject.outputs)
    monkeypatch.setattr(runner, "read_access", lambda *_: NOWHERE)
    checks = {"the database": database.check_instance, "RDS Proxy": database.check_proxy, "keys": lambda _: "fine"}
    monkeypatch.setattr(runner, "CHECKS", checks)
    said: list[str] = []

    found = runner.verify_stage(subject.aws, "test", said.append)

    assert ["failed", "failed", "passed"] == [finding.outcome for finding in found]
    assert "AWS refuses DescribeDBInstances (DBInstanceNotFound" in found[0].found
    assert ["the database …", "RDS Proxy …", "keys …"] == said
