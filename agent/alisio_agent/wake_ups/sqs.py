"""Hearing of work from Amazon SQS: one thread receives from the queue of each work queue."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alisio.contract.work_pools import WakeUpQueue, WakeUpSource
from alisio_agent.claims import Claims
from alisio_agent.outage import Outage
from alisio_agent.roster import Roster

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

REFRESH_SECONDS = 60.0
"""How often to ask the server which queues there are."""
LONG_POLL_SECONDS = 20
LOOK_SECONDS = 0.5
"""How often to look whether there is room for a run again, and whether the API is back."""
_MAX_MESSAGES = 10
_PAUSE_SECONDS = 1.0
_MAX_CONNECTIONS = 100
_GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})

_ClientKey = tuple[str, str | None]
"""A region, and the id of the access key that was lent for it."""

logger = logging.getLogger("alisio.agent")


@dataclass
class _Shared:
    """What the threads of all queues share.

    Attributes:
        changed: Set when the server is to be asked anew which queues there are.
        outage: What is known of SQS being away.
    """

    claims: Claims
    roster: Roster
    api_outage: Outage
    stopping: threading.Event
    changed: threading.Event = field(default_factory=threading.Event)
    outage: Outage = field(default_factory=lambda: Outage("Amazon SQS"))


class SqsQueues:
    """Receives wake-ups from SQS, while there is room for a run and the API answers.

    While SQS is away the agent says so once, and goes on claiming every minute. Where the server lends credentials,
    they are used and no others; the server is asked anew every minute, long before they end.

    Args:
        names: The work queues that the agent serves; None: all of its pool.
        claims: What makes claims.
        roster: What the agent holds.
        api_outage: What is known of the API being away.
        stopping: Set once the agent is to hear no more.
    """

    def __init__(
        self,
        names: Sequence[str] | None,
        claims: Claims,
        roster: Roster,
        api_outage: Outage,
        stopping: threading.Event,
    ) -> None:
        self._names = names
        self._shared = _Shared(claims, roster, api_outage, stopping)
        self._clients: dict[_ClientKey, SQSClient] = {}
        self._receivers: dict[str, _Receiver] = {}
        self._is_unusable = False

    def listen(self, source: WakeUpSource) -> None:
        """Receive from the queues of the source for a minute, or until one of them is not there any more."""
        self._shared.changed.clear()
        served = [queue for queue in source.queues if self._names is None or queue.work_queue_name in self._names]
        for url in self._receivers.keys() - {queue.url for queue in served}:
            self._receivers.pop(url).end()
        for queue in served:
            self._serve(queue)
        for key in self._clients.keys() - {_key_of(queue) for queue in served}:
            del self._clients[key]
        self._shared.changed.wait(REFRESH_SECONDS)

    def leave(self) -> None:
        """End all threads, each after what it is waiting for."""
        for receiver in self._receivers.values():
            receiver.end()
        self._receivers.clear()

    def _serve(self, queue: WakeUpQueue) -> None:
        client = self._client(queue)
        receiver = self._receivers.get(queue.url)
        if client is None:
            return
        if receiver is None or receiver.has_ended:
            self._receivers[queue.url] = _Receiver(client, queue.url, self._shared)
        else:
            receiver.use(client)

    def _client(self, queue: WakeUpQueue) -> SQSClient | None:
        key = _key_of(queue)
        if key not in self._clients and not self._is_unusable:
            try:
                self._clients[key] = _open_client(queue)
            except ImportError:
                self._say_unusable("boto3 is not installed here", "`pip install 'alisio[aws]'`")
            except Exception as error:  # boto3's own, and it may not be there to name them: a profile, an address
                self._say_unusable(f"that cannot be used here ({error})", "that is mended")
        return self._clients.get(key)

    def _say_unusable(self, why: str, until: str) -> None:
        self._is_unusable = True
        logger.error(
            "the server sends wake-ups over Amazon SQS, and %s: until %s and a new start this agent asks for work "
            "once a minute",
            why,
            until,
        )


class _Receiver:
    """The thread that receives from one queue; it begins at once."""

    def __init__(self, client: SQSClient, url: str, shared: _Shared) -> None:
        self._client = client
        self._url = url
        self._shared = shared
        self._ended = threading.Event()
        threading.Thread(target=self._run, name="sqs", daemon=True).start()

    @property
    def has_ended(self) -> bool:
        """Whether it receives no more."""
        return self._ended.is_set()

    def use(self, client: SQSClient) -> None:
        """Have it receive with another client from the next time on, as the credentials of this one will end."""
        self._client = client

    def end(self) -> None:
        """Have it receive no more; a message that it then gets goes to another agent, a minute later."""
        self._ended.set()

    def _run(self) -> None:
        try:
            self._receive_all()
        finally:
            self._ended.set()  # whatever ended it, another one takes its place

    def _receive_all(self) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        shared, failures = self._shared, 0
        while not (self._ended.is_set() or shared.stopping.is_set()):
            room = shared.roster.free_slots(_MAX_MESSAGES)
            if room < 1 or shared.api_outage.lasts:
                shared.stopping.wait(LOOK_SECONDS)
                continue
            try:
                self._receive(room)
            except (BotoCoreError, ClientError) as error:
                if _is_gone(error):
                    self._ended.set()
                    shared.stopping.wait(_PAUSE_SECONDS)  # a new queue is not known everywhere at once
                    shared.changed.set()
                    return
                failures += 1
                shared.stopping.wait(shared.outage.begin(error, failures))
                continue
            if failures:  # only who has failed knows that it is over
                failures = 0
                shared.outage.end()

    def _receive(self, at_most: int) -> None:
        answer = self._client.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=at_most, WaitTimeSeconds=LONG_POLL_SECONDS
        )
        messages = answer.get("Messages")
        if not messages or self._ended.is_set():
            return
        claims = self._shared.claims
        nothing_left = claims.wait_for_answer(claims.ring())
        if self._shared.stopping.is_set():
            return
        done = messages if nothing_left else [message for message in messages if self._is_taken(message)]
        self._delete(done)
        # The agent is full: another one may have room for these.
        self._pass_on(message for message in messages if message not in done)

    def _is_taken(self, message: MessageTypeDef) -> bool:
        try:
            run_id = json.loads(message["Body"])["flow_run_id"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return True  # none of ours: it has rung, and that is all that it can do
        return self._shared.roster.holds(str(run_id))

    def _delete(self, messages: Sequence[MessageTypeDef]) -> None:
        if messages:
            self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )

    def _pass_on(self, messages: Iterable[MessageTypeDef]) -> None:
        for message in messages:
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


def _key_of(queue: WakeUpQueue) -> _ClientKey:
    lent = queue.credentials
    return queue.region, None if lent is None else lent.access_key_id


def _open_client(queue: WakeUpQueue) -> SQSClient:
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=5,
        read_timeout=LONG_POLL_SECONDS + 10,
        max_pool_connections=_MAX_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 1},  # it is we who try again
    )
    lent = queue.credentials
    login = {}
    if lent is not None:
        login["aws_access_key_id"] = lent.access_key_id
        login["aws_secret_access_key"] = lent.secret_access_key
        login["aws_session_token"] = lent.session_token
    client: SQSClient = boto3.client("sqs", region_name=queue.region, config=config, **login)
    return client


def _is_gone(error: Any) -> bool:
    response = getattr(error, "response", {})
    return response.get("Error", {}).get("Code") in _GONE
