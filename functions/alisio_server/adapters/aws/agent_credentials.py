"""Credentials that the API lends to agents: a session of one role, narrowed to the queues of their own pool.

Limits are those of the STS API reference (AssumeRole): an hour where a role assumes another one, and 2,048 characters
of session policy, which is why queues come in groups.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from alisio.contract.base import utc_now
from alisio_server.adapters.aws.calls import quick, reached
from alisio_server.ports import LentCredentials

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

QUEUES_A_SESSION = 14
SESSION_SECONDS = 3600
_RENEW_BEFORE = timedelta(minutes=15)
_MAX_REMEMBERED = 1_000
_ACTIONS = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
_SERVICE = "AWS STS"


class AgentCredentials:
    """Lends credentials for queues. Any thread may call it.

    What was lent is lent again until a quarter of an hour before its end: agents ask every minute, and one that cannot
    ask for a while goes on receiving.

    Args:
        client: Of STS.
        role_arn: The role whose sessions are lent.
    """

    def __init__(self, client: STSClient, role_arn: str) -> None:
        self._client = client
        self._role_arn = role_arn
        self._lock = threading.Lock()
        self._lent: dict[tuple[str, ...], LentCredentials] = {}

    def lend(self, queue_arns: Sequence[str]) -> dict[str, LentCredentials]:
        """Give credentials for each of these queues.

        Args:
            queue_arns: The queues of one pool.

        Raises:
            OSError: STS gives none.
        """
        lent: dict[str, LentCredentials] = {}
        for group in _groups(sorted(queue_arns)):
            lent |= dict.fromkeys(group, self._for_group(group))
        return lent

    def _for_group(self, arns: tuple[str, ...]) -> LentCredentials:
        with self._lock:
            known = self._lent.get(arns)
            if known is None or known.expires - utc_now() < _RENEW_BEFORE:
                if len(self._lent) >= _MAX_REMEMBERED:
                    self._lent.clear()
                known = self._lent[arns] = self._assume(arns)
            return known

    def _assume(self, arns: tuple[str, ...]) -> LentCredentials:
        statement = {"Effect": "Allow", "Action": _ACTIONS, "Resource": list(arns)}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, separators=(",", ":"))
        with reached(_SERVICE):
            answer = self._client.assume_role(
                RoleArn=self._role_arn, RoleSessionName="alisio-agent", Policy=policy, DurationSeconds=SESSION_SECONDS
            )
        given = answer["Credentials"]
        return LentCredentials(
            given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], given["Expiration"]
        )


def open_agent_credentials(role_arn: str) -> AgentCredentials:
    """Open the sessions of a role, with the region, credentials and endpoint that boto3 finds by itself."""
    import boto3

    return AgentCredentials(boto3.client("sts", config=quick()), role_arn)


def _groups(arns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for first in range(0, len(arns), QUEUES_A_SESSION):
        yield tuple(arns[first : first + QUEUES_A_SESSION])
