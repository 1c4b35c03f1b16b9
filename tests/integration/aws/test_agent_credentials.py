"""Credentials that agents are lent: for the queues of their pool, and for nothing else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import boto3
import pytest

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio_server.adapters.aws.agent_credentials import QUEUES_A_SESSION, AgentCredentials, open_agent_credentials
from alisio_server.adapters.aws.sqs import open_sqs
from tests.integration.aws.conftest import ROLE_ARN, Stage
from tests.ministack import REGION

MAX_POLICY = 2048  # AssumeRole, parameter Policy


class Sts:
    """An STS that remembers what it was asked, and whose sessions last as long as the test wants."""

    def __init__(self, seconds: float) -> None:
        self.asked: list[dict[str, Any]] = []
        self._seconds = seconds

    def assume_role(self, **asked: Any) -> dict[str, Any]:
        """Give a session of its own each time."""
        self.asked.append(asked)
        key = {"AccessKeyId": f"key-{len(self.asked)}", "SecretAccessKey": "secret", "SessionToken": "token"}
        return {"Credentials": key | {"Expiration": utc_now() + timedelta(seconds=self._seconds)}}

    def resources(self) -> list[list[str]]:
        """Tell what each session was for."""
        return [json.loads(asked["Policy"])["Statement"][0]["Resource"] for asked in self.asked]


def arns(count: int) -> list[str]:
    """Name queues, as long as names can be, in the partition and the region with the longest ones."""
    return [f"arn:aws-us-gov:sqs:ap-northeast-1:123456789012:{'p' * 43}-{new_id()}" for _ in range(count)]


def lender(seconds: float = 3600) -> tuple[AgentCredentials, Sts]:
    """Make what lends, and its STS."""
    sts = Sts(seconds)
    return AgentCredentials(sts, ROLE_ARN), sts  # type: ignore[arg-type]


def test_a_session_is_for_these_queues_alone() -> None:
    """Its policy names each queue, and allows to receive, to delete what was received and to give it back."""
    credentials, sts = lender()
    wanted = arns(2)
    lent = credentials.lend(wanted)
    policy = json.loads(sts.asked[0]["Policy"])["Statement"]
    assert [{"Effect", "Action", "Resource"}] == [set(statement) for statement in policy]
    assert {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"} == set(policy[0]["Action"])
    assert (set(wanted), set(wanted)) == (set(policy[0]["Resource"]), set(lent))
    assert {"key-1"} == {given.access_key_id for given in lent.values()}


def test_a_session_is_lent_again() -> None:
    """Agents that ask every minute get the same one, whatever the order of the queues, while it has long to last."""
    credentials, sts = lender(seconds=16 * 60)
    wanted = arns(2)
    assert credentials.lend(wanted) == credentials.lend(wanted[::-1])
    assert 1 == len(sts.asked)


def test_a_session_that_ends_soon_is_lent_no_more() -> None:
    """What has a quarter of an hour left, or less, is renewed."""
    credentials, _ = lender(seconds=14 * 60)
    (wanted,) = arns(1)
    assert ["key-1", "key-2"] == [credentials.lend([wanted])[wanted].access_key_id for _ in range(2)]


def test_many_queues_take_several_sessions() -> None:
    """A policy has 2,048 characters at most: a pool with more queues than it can name gets several sessions."""
    credentials, sts = lender()
    wanted = arns(2 * QUEUES_A_SESSION + 1)
    lent = credentials.lend(wanted)
    assert (set(wanted), {"key-1", "key-2", "key-3"}) == (set(lent), {each.access_key_id for each in lent.values()})
    assert sorted(wanted) == [arn for resources in sts.resources() for arn in resources]
    assert max(len(asked["Policy"]) for asked in sts.asked) <= MAX_POLICY


def test_secrets_are_not_shown() -> None:
    """What is lent does not stand in a log by mistake."""
    credentials, _ = lender()
    shown = repr(credentials.lend(arns(1)))
    assert ["'key-1'"] == [word for word in ("'key-1'", "'secret'", "'token'") if word in shown]


def test_sts_gives_what_an_agent_needs(stage: Stage) -> None:
    """The answer of STS is understood, and names the queues by their own ARNs."""
    role = boto3.client("iam").create_role(RoleName=stage.prefix, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    sqs = open_sqs(stage.prefix, open_agent_credentials(role))
    queue_id = new_id()
    url = sqs.addresses([queue_id])[queue_id].url
    lent = sqs.lend([queue_id])[queue_id]
    assert timedelta(minutes=30) < lent.expires - utc_now() <= timedelta(minutes=61)
    receiver = boto3.client(
        "sqs",
        region_name=REGION,
        aws_access_key_id=lent.access_key_id,
        aws_secret_access_key=lent.secret_access_key,
        aws_session_token=lent.session_token,
    )
    assert "Messages" not in receiver.receive_message(QueueUrl=url, WaitTimeSeconds=0)


def test_a_role_that_cannot_be_assumed_is_an_os_error(moto: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What STS refuses is said as the port promises."""
    client = boto3.client("sts")

    def refuse(**_: Any) -> None:
        raise client.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "AssumeRole")

    monkeypatch.setattr(client, "assume_role", refuse)
    with pytest.raises(OSError, match=r"AWS STS refuses: .*not you"):
        AgentCredentials(client, ROLE_ARN).lend(arns(1))


def test_nothing_is_lent_where_agents_have_their_own(moto: Stage) -> None:
    """Without a role to lend, agents use the credentials that they find where they run."""
    assert {} == open_sqs(moto.prefix).lend([new_id()])
