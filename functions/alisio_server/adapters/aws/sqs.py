"""Wake-ups over Amazon SQS: one queue a work queue, which agents receive from without asking the API.

An SQS queue is named after the id of its work queue and not its name: SQS refuses the name of a deleted queue for 60 s.
Limits and error codes are those of the SQS API reference (SendMessageBatch, CreateQueue).
"""

from __future__ import annotations

import json
import math
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from alisio.contract.base import utc_now
from alisio_server.adapters.aws.calls import Reach, code_of, quick, reached
from alisio_server.errors import InvalidInputError
from alisio_server.ports import LentCredentials, QueueAddress, WakeUp

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeFilterType, QueueAttributeNameType

    from alisio_server.adapters.aws.agent_credentials import AgentCredentials

VISIBILITY_SECONDS = 60
"""How long an agent has for a claim before another one hears of the message."""
LONG_POLL_SECONDS = 20
MAX_RECEIVES = 5
DEAD_LETTERS = "dead-letters"
"""What follows the prefix in the name of the queue of dead letters."""
TAG = "alisio:prefix"
_SERVICE = "SQS"
_MAX_BATCH = 10
_PAGE = 1_000
_MAX_DELAY_SECONDS = 900
_GONE = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
_DIFFERS = frozenset({"QueueAlreadyExists", "QueueNameExists"})


class SqsWakeUps:
    """The ports `WakeUps` and `WakeUpQueues` on SQS. Any thread may call it.

    Args:
        client: Of the region in which the queues are.
        prefix: What the names of all queues begin with. Installations that share an account and a region differ in it.
        credentials: What agents are lent; None: they have credentials themselves.
    """

    def __init__(self, client: SQSClient, prefix: str, credentials: AgentCredentials | None = None) -> None:
        self._client = client
        self._prefix = prefix
        self._credentials = credentials
        self._lock = threading.Lock()
        self._urls: dict[UUID, str] = {}
        self._dead_letters: str | None = None
        self._reach = Reach(_SERVICE)

    def send(self, wake_ups: Iterable[WakeUp]) -> None:
        """Send wake-ups, each to be received from the second on in which its run is due; see `WakeUps.send`."""
        by_queue: dict[UUID, list[WakeUp]] = defaultdict(list)
        for wake_up in wake_ups:
            by_queue[wake_up.work_queue_id].append(wake_up)
        refusals = [error for queue_id, given in by_queue.items() if (error := self._send_all(queue_id, given))]
        if refusals:
            raise refusals[0]

    def addresses(self, queue_ids: Iterable[UUID]) -> Mapping[UUID, QueueAddress]:
        """Tell where agents receive, and make what is missing; see `WakeUpQueues.addresses`."""
        region = self._client.meta.region_name
        with self._reach.tried():
            return {queue_id: QueueAddress(self._make(queue_id), region) for queue_id in queue_ids}

    def lend(self, queue_ids: Iterable[UUID]) -> Mapping[UUID, LentCredentials]:
        """Give agents credentials to receive with; see `WakeUpQueues.lend`."""
        ids = list(queue_ids)
        if self._credentials is None or not ids:
            return {}
        with self._reach.tried():
            account = _account_of(self._dead_letter_arn())
        arns = {queue_id: f"{account}:{self._name(queue_id)}" for queue_id in ids}
        lent = self._credentials.lend(list(arns.values()))
        return {queue_id: lent[arn] for queue_id, arn in arns.items()}

    def forget(self, queue_ids: Iterable[UUID]) -> None:
        """Delete queues; see `WakeUpQueues.forget`."""
        with self._reach.tried():
            for queue_id in queue_ids:
                self._delete(queue_id)

    def _send_all(self, queue_id: UUID, wake_ups: Sequence[WakeUp]) -> OSError | None:
        """Send the wake-ups of a queue. What keeps it from that is returned: the other queues do not wait for it."""
        try:
            with self._reach.tried():
                for first in range(0, len(wake_ups), _MAX_BATCH):
                    self._send_batch(queue_id, wake_ups[first : first + _MAX_BATCH])
        except OSError as error:
            return error
        return None

    def _send_batch(self, queue_id: UUID, batch: Sequence[WakeUp]) -> None:
        known = self._urls.get(queue_id)
        try:
            self._send_to(known or self._make(queue_id), batch)
        except self._client.exceptions.ClientError as error:
            if known is None or code_of(error) not in _GONE:
                raise
            self._send_to(self._make(queue_id), batch)

    def _send_to(self, url: str, batch: Sequence[WakeUp]) -> None:
        now = utc_now()
        answer = self._client.send_message_batch(
            QueueUrl=url,
            Entries=[
                {
                    "Id": str(number),
                    "MessageBody": json.dumps({"flow_run_id": str(wake_up.flow_run_id)}),
                    "DelaySeconds": _delay_seconds(wake_up.due, now),
                }
                for number, wake_up in enumerate(batch)
            ],
        )
        if failed := answer.get("Failed"):
            reason = failed[0].get("Message") or failed[0]["Code"]
            raise OSError(f"SQS did not take {len(failed)} of {len(batch)} wake-ups: {reason}")

    def _make(self, queue_id: UUID) -> str:
        dead_letters, name = self._dead_letter_arn(), self._name(queue_id)
        attributes: dict[QueueAttributeNameType, str] = {
            "SqsManagedSseEnabled": "true",
            "Policy": _tls_only(f"{_account_of(dead_letters)}:{name}"),
            "VisibilityTimeout": str(VISIBILITY_SECONDS),
            "ReceiveMessageWaitTimeSeconds": str(LONG_POLL_SECONDS),
            "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead_letters, "maxReceiveCount": str(MAX_RECEIVES)}),
        }
        try:
            url = self._ensure(name, attributes)
        except self._client.exceptions.ClientError:
            self._dead_letters = None  # it may be that queue which somebody deleted: the next try makes it again
            raise
        self._urls[queue_id] = url
        return url

    def _ensure(self, name: str, attributes: dict[QueueAttributeNameType, str]) -> str:
        """Make a queue, or bring one that is there to these attributes."""
        try:
            tags = {TAG: self._prefix}
            return self._client.create_queue(QueueName=name, Attributes=attributes, tags=tags)["QueueUrl"]
        except self._client.exceptions.ClientError as error:
            if code_of(error) not in _DIFFERS:
                raise
        url = self._client.get_queue_url(QueueName=name)["QueueUrl"]
        self._client.set_queue_attributes(QueueUrl=url, Attributes=attributes)
        return url

    def _dead_letter_arn(self) -> str:
        with self._lock:
            if self._dead_letters is None:
                url = self._ensure(f"{self._prefix}-{DEAD_LETTERS}", {"SqsManagedSseEnabled": "true"})
                wanted: list[QueueAttributeFilterType] = ["QueueArn", "Policy"]
                found = self._client.get_queue_attributes(QueueUrl=url, AttributeNames=wanted)["Attributes"]
                if "Policy" not in found:  # no stack has made it, which gives it one
                    self._client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": _tls_only(found["QueueArn"])})
                self._dead_letters = found["QueueArn"]
            return self._dead_letters

    def _delete(self, queue_id: UUID) -> None:
        self._urls.pop(queue_id, None)
        try:
            url = self._client.get_queue_url(QueueName=self._name(queue_id))["QueueUrl"]
            self._client.delete_queue(QueueUrl=url)
        except self._client.exceptions.ClientError as error:
            if code_of(error) not in _GONE:
                raise

    def _name(self, queue_id: UUID) -> str:
        return f"{self._prefix}-{queue_id}"


def open_sqs(prefix: str, credentials: AgentCredentials | None = None) -> SqsWakeUps:
    """Open the wake-ups on SQS, with the region, credentials and endpoint that boto3 finds by itself.

    SQS need not answer yet.

    Args:
        prefix: What the names of all queues begin with.
        credentials: What agents are lent; None: they have credentials themselves.

    Raises:
        InvalidInputError: boto3 is not installed, or it cannot tell the region.
    """
    try:
        import boto3
        from botocore.exceptions import BotoCoreError
    except ImportError as error:
        message = "ALISIO_WAKE_UPS=sqs needs boto3: install it with `pip install 'alisio[aws]'`"
        raise InvalidInputError(message, code="aws_not_installed", field="wake_ups") from error
    try:
        return SqsWakeUps(boto3.client("sqs", config=quick()), prefix, credentials)
    except (BotoCoreError, ValueError) as error:
        message = f"SQS cannot be used: {str(error).rstrip('.')}: see AWS_REGION, AWS_PROFILE and AWS_ENDPOINT_URL"
        raise InvalidInputError(message, code="aws_not_configured", field="wake_ups") from error


def _delay_seconds(due: datetime, now: datetime) -> int:
    """Round down: an agent may claim a run up to 2 s before it is due, and waits that out."""
    return max(0, min(_MAX_DELAY_SECONDS, math.floor((due - now).total_seconds())))


def _account_of(arn: str) -> str:
    """Tell what the ARNs of all queues of an account and region begin with, before their names."""
    return arn.rpartition(":")[0]


def _tls_only(arn: str) -> str:
    """Give the policy of a queue that is not spoken to in the clear, by whomever."""
    statement = {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Action": "sqs:*",
        "Resource": arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def remove_queues(client: SQSClient, prefix: str) -> int:
    """Delete the queues of all work queues of an installation, which is to be no more.

    Args:
        client: Of the region in which the queues are.
        prefix: What their names begin with; the queue of dead letters is left to who made it.

    Returns:
        How many were deleted.

    Raises:
        OSError: SQS cannot be used.
    """
    with reached(_SERVICE):
        # Where no size of pages is asked for, SQS gives one page and no word of there being more.
        pages = client.get_paginator("list_queues").paginate(
            QueueNamePrefix=f"{prefix}-", PaginationConfig={"PageSize": _PAGE}
        )
        urls = [url for page in pages for url in page.get("QueueUrls", []) if _is_of_work_queue(url, prefix)]
        for url in urls:
            try:
                client.delete_queue(QueueUrl=url)
            except client.exceptions.ClientError as error:
                if code_of(error) not in _GONE:  # one that was deleted a moment ago is still listed
                    raise
    return len(urls)


def _is_of_work_queue(url: str, prefix: str) -> bool:
    try:
        UUID(url.rpartition("/")[2].removeprefix(f"{prefix}-"))
    except ValueError:
        return False  # another installation's, whose prefix begins like ours, or the queue of dead letters
    return True
