"""SQS and the runs: messages that come again, that mean nothing, that nobody answers, queues that are gone."""

from __future__ import annotations

import json
from typing import Any

from tests.cloud.place import CloudPlace
from tests.e2e.flows import QUICK, RECORDED
from tests.e2e.stack import Stack

_MAX_RECEIVES = 5


def _queue_url(stack: Stack) -> str:
    """Tell where agents of the scenario's pool receive."""
    source = stack.api.get(f"/work-pools/{stack.pool}/wake-ups")
    assert "sqs" == source["kind"]
    [queue] = source["queues"]
    return str(queue["url"])


def _count(place: CloudPlace, url: str) -> int:
    """Count the messages of a queue, those that are being looked at too."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = place.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)


def _listed(place: CloudPlace) -> list[str]:
    return list(place.client("sqs").list_queues(QueueNamePrefix="alisio-local-").get("QueueUrls", []))


def _receive(place: CloudPlace, url: str) -> dict[str, Any]:
    [message] = place.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=5).get("Messages", [])
    return dict(message)


def test_a_work_queue_has_an_encrypted_sqs_queue_with_dead_letters(stack: Stack, place: CloudPlace) -> None:
    """It is named by the work queue's id, tagged, and goes when the work queue goes."""
    [queue] = stack.api.get(f"/work-pools/{stack.pool}/queues")["items"]
    url, sqs = _queue_url(stack), place.client("sqs")

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert url.endswith(f"/alisio-local-{queue['id']}")
    assert "true" == attributes["SqsManagedSseEnabled"]
    policy = json.loads(attributes["RedrivePolicy"])
    assert ("alisio-local-dead-letters", _MAX_RECEIVES) == (
        policy["deadLetterTargetArn"].rpartition(":")[2],
        int(policy["maxReceiveCount"]),
    )
    assert "alisio-local" == sqs.list_queue_tags(QueueUrl=url)["Tags"]["alisio:prefix"]
    stack.cli("work-pool", "create", f"{stack.pool}-brief")
    [brief] = stack.api.get(f"/work-pools/{stack.pool}-brief/wake-ups")["queues"]
    stack.cli("work-pool", "delete", f"{stack.pool}-brief")
    stack.until(lambda: brief["url"] not in _listed(place), "the tick to delete the SQS queue")


def test_a_dead_letter_sets_its_run_in_motion_again(stack: Stack, place: CloudPlace) -> None:
    """A wake-up that was received five times and never answered is sent anew by the function of dead letters."""
    run_id = stack.run(stack.deploy(QUICK))
    url, sqs = _queue_url(stack), place.client("sqs")
    first = _receive(place, url)
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"], VisibilityTimeout=0)

    def comes_anew() -> bool:
        """Receive, and answer nothing, until there is a message that is another one."""
        received = sqs.receive_message(QueueUrl=url).get("Messages", [])
        for message in received:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return any(message["MessageId"] != first["MessageId"] for message in received)

    with place.stopped_clockwork():  # the tick would send it anew too, in its time
        stack.until(comes_anew, "the wake-up to be sent anew")

    assert "Scheduled" == stack.read_run(run_id)["state"]["name"]
    stack.start_agent()
    assert 1 == stack.wait_for_run(run_id, "COMPLETED")["attempt"]


def test_a_dead_letter_that_means_nothing_is_dropped(stack: Stack, place: CloudPlace) -> None:
    """It does not come again for ever, and those beside it are taken."""
    dead_letters = stack.cli("cloud", "outputs", "--stage", "local", "--output", "json").json["DeadLettersUrl"]
    sqs = place.client("sqs")
    for body in ("{}", "[1]", '{"flow_run_id": "no id"}', "not json"):
        sqs.send_message(QueueUrl=dead_letters, MessageBody=body)

    stack.until(lambda: _count(place, dead_letters) == 0, "the dead letters to be gone")


def test_a_message_that_comes_again_and_again_runs_nothing_twice(stack: Stack, place: CloudPlace) -> None:
    """A wake-up whose delivery is repeated after its run has ended makes an agent ask, and find nothing."""
    record = stack.folder / "record"
    deployed = stack.deploy(RECORDED, "--param", f"record={record}", "--param", "mark=ran")
    url, sqs = _queue_url(stack), place.client("sqs")
    run_id = stack.run(deployed)
    message = _receive(place, url)
    for _ in range(20):
        sqs.send_message(QueueUrl=url, MessageBody=message["Body"])
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    stack.start_agent()

    stack.wait_for_run(run_id, "COMPLETED")
    stack.until(lambda: _count(place, url) == 0, "all messages to be answered")

    assert ["ran"] == record.read_text().split()
    assert 1 == stack.read_run(run_id)["attempt"]


def test_a_poison_message_keeps_no_run_waiting(stack: Stack, place: CloudPlace) -> None:
    """An agent that receives what nobody can read answers it and goes on."""
    deployed = stack.deploy(QUICK)
    url, sqs = _queue_url(stack), place.client("sqs")
    for body in ("poison", "[]", '{"flow_run_id": 7}'):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    stack.start_agent()

    run_id = stack.run(deployed)

    stack.wait_for_run(run_id, "COMPLETED")
    stack.until(lambda: _count(place, url) == 0, "the poison to be gone")


def test_a_queue_that_somebody_deleted_is_made_again(stack: Stack, place: CloudPlace) -> None:
    """SQS has forgotten the queue: the next run makes it anew, and the agent that listened comes back to it."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()
    first = stack.run(deployed)
    stack.wait_for_run(first, "COMPLETED")

    place.client("sqs").delete_queue(QueueUrl=_queue_url(stack))
    second = stack.run(deployed)

    stack.wait_for_run(second, "COMPLETED")


def test_a_run_due_soon_is_woken_by_a_delayed_message(stack: Stack, place: CloudPlace) -> None:
    """A run due in seconds starts at its time though the clock of the cloud goes round each minute."""
    deployed = stack.deploy(QUICK)
    stack.start_agent()
    with place.stopped_clockwork():
        run_id = stack.run(deployed, "--in", "8s")
        run = stack.wait_for_run(run_id, "COMPLETED")

    assert run["due"] <= run["started"]
