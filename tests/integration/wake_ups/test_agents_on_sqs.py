"""The agent's ear for SQS: when it receives, when it claims, and what becomes of the messages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alisio.contract.base import utc_now
from alisio.contract.ids import new_id
from alisio.contract.work_pools import ClaimAnswer, ClaimRequest, WakeUpAnswer, WakeUpKind, WakeUpQueue, WakeUpSource
from alisio.exceptions import ApiError, ApiUnreachableError
from alisio_agent.claims import Claims
from alisio_agent.options import Identity
from alisio_agent.outage import Outage
from alisio_agent.roster import Roster
from alisio_agent.wake_ups import sqs as ear
from alisio_agent.wake_ups.listening import Listening
from alisio_server.ports import WakeUp
from tests.integration.wake_ups.conftest import SqsRinging
from tests.waiting import wait_until


class Api:
    """A server whose agents hear of work through SQS, and that has none."""

    def __init__(self, sqs: SqsRinging) -> None:
        self.sqs = sqs
        self.queue_ids = {"default": new_id()}
        self.kind = WakeUpKind.SQS
        self.asked = 0
        self.claims: list[ClaimRequest] = []
        self.is_away = False
        self.is_bell_away = False
        self.polls = 0

    def read_wake_up_source(self, pool: str) -> WakeUpSource:
        self.asked += 1
        if self.is_bell_away:
            raise ApiError(503, "wake_ups_away", "the queues of wake-ups cannot be reached")
        if self.kind is WakeUpKind.LONG_POLL:
            return WakeUpSource(kind=self.kind, queues=[])
        queue_ids = dict(self.queue_ids)  # the test may add one meanwhile
        addresses = self.sqs.wake_ups.addresses(queue_ids.values())
        queues = [
            WakeUpQueue(work_queue_name=name, url=addresses[queue_id].url, region=addresses[queue_id].region)
            for name, queue_id in queue_ids.items()
        ]
        return WakeUpSource(kind=self.kind, queues=queues)

    def wait_for_wake_up(self, pool: str, request: Any) -> WakeUpAnswer:
        self.polls += 1
        threading.Event().wait(0.05)
        return WakeUpAnswer(rang=False, sequence=1)

    def claim(self, pool: str, request: ClaimRequest) -> ClaimAnswer:
        self.claims.append(request)
        if self.is_away:
            raise ApiUnreachableError("cannot reach the API")
        return ClaimAnswer(jobs=[])


class Ear:
    """An agent's claims and ear, in threads."""

    def __init__(self, api: Api, home: Path, queues: list[str] | None, limit: int | None) -> None:
        self.roster = Roster(limit)
        self.stopping = threading.Event()
        identity = Identity(new_id(), "agent-1", "p", queues, limit, "http://127.0.0.1:1/api", home)
        outage = Outage()
        self.claims = Claims(api, identity, None, self.roster, outage, self.stopping)  # type: ignore[arg-type]
        listening = Listening(api, identity, self.claims, self.roster, outage, self.stopping)  # type: ignore[arg-type]
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.claims.run, listening.run)]
        for thread in self.threads:
            thread.start()


Listen = Callable[..., Ear]


@pytest.fixture
def api(sqs: SqsRinging) -> Api:
    """A server."""
    return Api(sqs)


@pytest.fixture
def listen(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listen]:
    """Begins to listen, and ends that after the test."""
    monkeypatch.setattr(ear, "LONG_POLL_SECONDS", 1)
    monkeypatch.setattr(ear, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(ear, "REFRESH_SECONDS", 0.2)
    before = set(threading.enumerate())
    ears: list[Ear] = []

    def begin(queues: list[str] | None = None, limit: int | None = None) -> Ear:
        ears.append(Ear(api, tmp_path, queues, limit))
        return ears[-1]

    yield begin
    for one in ears:
        one.stopping.set()
        one.claims.ring()
    # None of them may be left to meet the variables and the server that are taken away after this.
    for thread in [thread for one in ears for thread in one.threads]:
        thread.join(60)
        assert not thread.is_alive()
    wait_until(lambda: not [thread for thread in set(threading.enumerate()) - before if thread.name == "sqs"])


def ring(api: Api, name: str = "default") -> UUID:
    """Ring for a queue."""
    run_id = new_id()
    api.sqs.wake_ups.send([WakeUp(api.queue_ids[name], run_id, utc_now())])
    return run_id


def left(api: Api, name: str = "default") -> int:
    """Count the messages of a queue, those that somebody has received too."""
    url = api.sqs.wake_ups.addresses([api.queue_ids[name]])[api.queue_ids[name]].url
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = api.sqs.client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(count) for count in attributes.values())


def test_hears_of_work(api: Api, listen: Listen) -> None:
    """A wake-up of SQS has the agent claim, and is deleted once that is answered, though there was no work."""
    listen()
    wait_until(lambda: len(api.claims) == 1)
    ring(api)
    wait_until(lambda: len(api.claims) == 2)
    wait_until(lambda: left(api) == 0)


def test_serves_its_queues_alone(api: Api, listen: Listen) -> None:
    """An agent of some queues leaves the messages of the others to other agents."""
    api.queue_ids["deep"] = new_id()
    listen(queues=["deep"])
    ring(api)
    ring(api, "deep")
    wait_until(lambda: left(api, "deep") == 0)
    assert 1 == left(api)


def test_receives_nothing_while_it_is_full(api: Api, listen: Listen) -> None:
    """An agent without room for a run leaves messages to other agents."""
    full = listen(limit=0)
    wait_until(lambda: api.asked > 1)
    ring(api)
    assert api.sqs.hears(api.queue_ids["default"], 20)
    assert [] == api.claims
    full.stopping.set()


def test_keeps_a_message_until_the_claim_is_answered(api: Api, listen: Listen) -> None:
    """While the API is away a message is not deleted, and no others are received."""
    listen()
    wait_until(lambda: len(api.claims) == 1)
    api.is_away = True
    ring(api)
    wait_until(lambda: len(api.claims) > 1)
    assert 1 == left(api)
    ring(api)
    assert api.sqs.hears(api.queue_ids["default"], 20)
    api.is_away = False
    wait_until(lambda: left(api) == 0)


def test_passes_on_what_it_has_no_room_for(api: Api, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that is full after its claim gives other agents the messages of the runs that it did not get."""
    one = listen(limit=1)
    wait_until(lambda: len(api.claims) == 1)
    filled = threading.Event()

    def fill(pool: str, request: ClaimRequest) -> ClaimAnswer:
        monkeypatch.setattr(one.roster, "free_slots", lambda at_most: 0)
        filled.set()
        return ClaimAnswer(jobs=[])

    monkeypatch.setattr(api, "claim", fill)
    ring(api)
    assert filled.wait(60)
    wait_until(lambda: api.sqs.hears(api.queue_ids["default"], 1))


def test_without_boto3(
    api: Api, listen: Listen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent without the extra says in one line what to install, and claims all the same."""

    def refuse(region: str) -> None:
        raise ImportError("boto3")

    monkeypatch.setattr(ear, "_open_client", refuse)
    with caplog.at_level("INFO", logger="alisio.agent"):
        listen()
        wait_until(lambda: api.asked > 2 and api.claims)
    assert 1 == len(caplog.messages) == len(api.claims)
    assert "pip install 'alisio[aws]'" in caplog.messages[0]


def test_boto3_cannot_be_used(
    api: Api, listen: Listen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An agent whose AWS settings are wrong says so in one line, and goes on listening for what the server says."""
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with caplog.at_level("INFO", logger="alisio.agent"):
        listen()
        wait_until(lambda: api.asked > 2)
    (message,) = caplog.messages
    assert "cannot be used here (The config profile (nobody) could not be found)" in message


def test_a_new_queue_is_heard(api: Api, listen: Listen) -> None:
    """A queue that is made while the agent runs is listened to after the next look at what there is."""
    listen()
    wait_until(lambda: api.asked > 1)
    api.queue_ids["deep"] = new_id()
    ring(api, "deep")
    wait_until(lambda: left(api, "deep") == 0)


def test_a_vanished_queue_is_asked_for(api: Api, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody deletes a queue the agent asks the server anew, which makes it again."""
    monkeypatch.setattr(ear, "REFRESH_SECONDS", 600.0)
    listen()
    ring(api)
    wait_until(lambda: left(api) == 0, what="the agent to have heard, so that it listens")
    claims = len(api.claims)
    queue_id = api.queue_ids["default"]
    url = api.sqs.wake_ups.addresses([queue_id])[queue_id].url
    api.sqs.client.delete_queue(QueueUrl=url)
    wait_until(lambda: api.asked == 2, what="the server to be asked before it is time to")
    ring(api)
    wait_until(lambda: len(api.claims) > claims)
    monkeypatch.setattr(ear, "REFRESH_SECONDS", 0.2)  # or it would listen on for minutes after the test
    api.sqs.client.delete_queue(QueueUrl=url)
    wait_until(lambda: api.asked > 2)


def test_a_server_that_changes_its_bell(api: Api, listen: Listen) -> None:
    """When the server goes over to long polls so does the agent, and receives no more."""
    listen()
    wait_until(lambda: api.asked > 1)
    api.kind = WakeUpKind.LONG_POLL
    wait_until(lambda: api.polls > 1)
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "sqs"])


def test_says_once_that_the_bell_is_away(api: Api, listen: Listen, caplog: pytest.LogCaptureFixture) -> None:
    """While the server cannot reach SQS the agent says so once, and once that it can again."""
    api.is_bell_away = True
    with caplog.at_level("INFO", logger="alisio.agent"):
        listen()
        wait_until(lambda: api.asked > 2)
        api.is_bell_away = False
        wait_until(lambda: "the server's bell answers again" in caplog.messages)
    away = "the queues of wake-ups cannot be reached; trying until it answers"
    assert [away, "the server's bell answers again"] == caplog.messages
