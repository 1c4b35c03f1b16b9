"""Wake-ups over SQS: its queues, and what happens while it is away."""

from __future__ import annotations

import builtins
import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import WakeUpKind, WorkQueueCreate
from alisio_server.adapters.aws.sqs import SqsWakeUps, open_sqs
from alisio_server.errors import InvalidInputError, NotFoundError, UnavailableError
from alisio_server.orchestration.tick import tick
from alisio_server.orchestration.wake_up_sources import find_source
from alisio_server.orchestration.work_pools import create_work_queue, delete_work_pool, delete_work_queue
from alisio_server.ports import WakeUp
from tests.integration.orchestration.world import World
from tests.integration.wake_ups.conftest import SqsRinging
from tests.waiting import wait_until


def use(world: World, wake_ups: SqsWakeUps) -> None:
    """Let a server ring through SQS."""
    world.services = replace(world.services, wake_ups=wake_ups, queues=wake_ups)


def urls(sqs: SqsRinging) -> list[str]:
    """List the queues of work queues."""
    found = sqs.client.list_queues(QueueNamePrefix=f"{sqs.prefix}-").get("QueueUrls", [])
    return [url for url in found if not url.endswith("-dead-letters")]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> SqsWakeUps:
    """An SQS that nothing answers for."""
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    config = Config(connect_timeout=1, retries={"total_max_attempts": 1})
    client = boto3.client("sqs", region_name="eu-south-2", endpoint_url="http://127.0.0.1:9", config=config)
    return SqsWakeUps(client, "test")


def test_queues_are_as_described(sqs: SqsRinging) -> None:
    """A queue is encrypted, speaks TLS alone, hides a message for 60 s, and puts one aside after five receptions."""
    queue_id = new_id()
    address = sqs.wake_ups.addresses([queue_id])[queue_id]
    assert ("eu-south-2", f"{sqs.prefix}-{queue_id}") == (address.region, address.url.rpartition("/")[2])
    attributes = sqs.client.get_queue_attributes(QueueUrl=address.url, AttributeNames=["All"])["Attributes"]
    redrive, [statement] = json.loads(attributes["RedrivePolicy"]), json.loads(attributes["Policy"])["Statement"]
    assert ("Deny", attributes["QueueArn"]) == (statement["Effect"], statement["Resource"])
    assert {"Bool": {"aws:SecureTransport": "false"}} == statement["Condition"]
    assert ("60", "20") == (attributes["VisibilityTimeout"], attributes["ReceiveMessageWaitTimeSeconds"])
    assert "true" == attributes["SqsManagedSseEnabled"]
    assert redrive["deadLetterTargetArn"].endswith(f":{sqs.prefix}-dead-letters")
    assert 5 == int(redrive["maxReceiveCount"])


def test_the_queue_of_dead_letters_speaks_tls_alone(sqs: SqsRinging) -> None:
    """Where no stack has made it, it gets its policy with the first queue; one that has a policy keeps that."""
    sqs.wake_ups.addresses([new_id()])
    url = sqs.client.get_queue_url(QueueName=f"{sqs.prefix}-dead-letters")["QueueUrl"]

    def policy() -> str:
        return sqs.client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]

    [statement] = json.loads(policy())["Statement"]
    assert {"Bool": {"aws:SecureTransport": "false"}} == statement["Condition"]
    own = json.dumps({"Version": "2012-10-17", "Statement": [{**statement, "Sid": "OfTheStack"}]})
    sqs.client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": own})
    open_sqs(sqs.prefix).addresses([new_id()])
    assert json.loads(own) == json.loads(policy())


def test_addresses_stay(sqs: SqsRinging) -> None:
    """Asking again, by another server too, changes nothing; a queue of other attributes is brought to ours."""
    queue_id = new_id()
    first = sqs.wake_ups.addresses([queue_id])
    sqs.client.set_queue_attributes(QueueUrl=first[queue_id].url, Attributes={"VisibilityTimeout": "7"})
    assert first == sqs.wake_ups.addresses([queue_id]) == open_sqs(sqs.prefix).addresses([queue_id])
    answer = sqs.client.get_queue_attributes(QueueUrl=first[queue_id].url, AttributeNames=["VisibilityTimeout"])
    assert "60" == answer["Attributes"]["VisibilityTimeout"]


def test_a_vanished_queue_is_made_again(sqs: SqsRinging) -> None:
    """A wake-up for a queue that somebody deleted arrives in a new one."""
    queue_id = new_id()
    sqs.client.delete_queue(QueueUrl=sqs.wake_ups.addresses([queue_id])[queue_id].url)
    sqs.wake_ups.send([WakeUp(queue_id, new_id(), utc_now())])
    assert sqs.hears(queue_id, 20)


def test_a_refused_queue_does_not_hold_up_others(sqs: SqsRinging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQS refuses one queue the wake-ups of the others are sent, and the caller is told of the failure."""
    refused, other = new_id(), new_id()
    make = sqs.wake_ups._make

    def refuse(queue_id: UUID) -> str:
        if queue_id == refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not this one"}}, "CreateQueue")
        return make(queue_id)

    monkeypatch.setattr(sqs.wake_ups, "_make", refuse)
    with pytest.raises(OSError, match="SQS refuses"):
        sqs.wake_ups.send([WakeUp(refused, new_id(), utc_now()), WakeUp(other, new_id(), utc_now())])
    assert sqs.hears(other, 20)


def test_all_queues_vanish(sqs: SqsRinging, world: World) -> None:
    """Where the queue of dead letters was deleted too, the second tick at the latest has all of them again."""
    use(world, sqs.wake_ups)
    find_source(world.services, "shore")
    for url in sqs.client.list_queues(QueueNamePrefix=sqs.prefix)["QueueUrls"]:
        sqs.client.delete_queue(QueueUrl=url)
    world.run(world.deploy())
    tick(world.services)
    tick(world.services)
    assert sqs.hears(world.queue_id(), 20)


def test_source(sqs: SqsRinging, world: World) -> None:
    """Agents are told the queue of each work queue of their pool; a pool that is not there is 404."""
    assert WakeUpKind.LONG_POLL == find_source(world.services, "shore").kind
    use(world, sqs.wake_ups)
    world.do(create_work_queue, "shore", WorkQueueCreate(name="deep"))
    source = find_source(world.services, "shore")
    assert WakeUpKind.SQS == source.kind
    assert {"default", "deep"} == {queue.work_queue_name for queue in source.queues}
    assert sorted(urls(sqs)) == sorted(queue.url for queue in source.queues)
    with pytest.raises(NotFoundError):
        find_source(world.services, "harbour")


def test_a_deleted_work_queue_takes_its_queue_along(sqs: SqsRinging, world: World) -> None:
    """The tick after a work queue or a pool was deleted deletes what SQS has of it, and only that."""
    use(world, sqs.wake_ups)
    world.pool("cape")
    world.do(create_work_queue, "shore", WorkQueueCreate(name="deep"))
    kept = [queue.url for queue in find_source(world.services, "cape").queues]
    find_source(world.services, "shore")
    world.do(delete_work_queue, "shore", "deep")
    assert 3 == len(urls(sqs))
    world.tick()
    assert 2 == len(urls(sqs))
    world.do(delete_work_pool, "shore")
    world.tick()
    assert kept == urls(sqs)


def test_away(away: SqsWakeUps, world: World) -> None:
    """While SQS is away requests succeed, `wake_at` stays, the tick says why, and agents get 503."""
    use(world, away)
    world.do(create_work_queue, "shore", WorkQueueCreate(name="deep"))
    world.do(delete_work_queue, "shore", "deep")
    run_id = world.run(world.deploy())
    assert world.now == world.read(run_id).wake_at
    failed = tick(world.services).failed
    assert {"wake-ups", "deleted work queues"} == failed.keys()
    assert str(failed["wake-ups"]).startswith("SQS cannot be used: ")
    with pytest.raises(UnavailableError, match="the queues of wake-ups cannot be reached: SQS cannot be used"):
        find_source(world.services, "shore")


def test_comes_back(sqs: SqsRinging, away: SqsWakeUps, world: World) -> None:
    """The first tick that reaches SQS again sends what was not sent, and deletes what was not deleted."""
    use(world, sqs.wake_ups)
    world.do(create_work_queue, "shore", WorkQueueCreate(name="deep"))
    find_source(world.services, "shore")
    use(world, away)
    world.do(delete_work_queue, "shore", "deep")
    world.run(world.deploy())
    tick(world.services)
    use(world, sqs.wake_ups)
    world.tick()
    assert sqs.hears(world.queue_id(), 20)
    assert 1 == len(urls(sqs))


def test_refused_in_part(sqs: SqsRinging, monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Where SQS takes a batch only in part, it counts as not sent: all of it comes again, and the log says why."""
    use(world, sqs.wake_ups)
    failed = {"Failed": [{"Id": "0", "Code": "InternalError", "SenderFault": False}]}
    monkeypatch.setattr(sqs.wake_ups._client, "send_message_batch", lambda **_: failed)
    run_id = world.run(world.deploy())
    assert world.now == world.read(run_id).wake_at
    assert "SQS did not take 1 of 1 wake-ups: InternalError" == str(tick(world.services).failed["wake-ups"])


def test_leaves_sqs_alone_for_a_while(away: SqsWakeUps) -> None:
    """After one call that did not reach SQS others fail at once, so that requests do not wait one by one."""
    calls: list[object] = []
    away._client.meta.events.register("before-send.sqs", lambda **call: calls.append(call))
    for _ in range(3):
        with pytest.raises(OSError, match="SQS cannot be used"):
            away.send([WakeUp(new_id(), new_id(), utc_now())])
    assert 1 == len(calls)
    away._reach._rests_until = 0.0
    with pytest.raises(OSError, match="SQS cannot be used"):
        away.send([WakeUp(new_id(), new_id(), utc_now())])
    wait_until(lambda: len(calls) == 2)


def test_without_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is to use SQS without the extra says in one line what to install."""
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name.startswith("boto3"):
            raise ImportError(name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InvalidInputError, match=r"pip install 'alisio\[aws\]'"):
        open_sqs("test")


def test_without_a_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A server that is to use SQS without a region says in one line which variables to look at."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidInputError, match="AWS_REGION"):
        open_sqs("test")
