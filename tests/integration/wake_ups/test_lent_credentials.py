"""An agent that receives with credentials that the server lends it."""

from __future__ import annotations

from datetime import timedelta

import boto3
import pytest

from alisio.contract.base import utc_now
from alisio.contract.work_pools import QueueCredentials, WakeUpQueue
from alisio_agent.wake_ups import sqs


def queue(key: str | None) -> WakeUpQueue:
    """Make a queue, with credentials of that key."""
    lent = None
    if key is not None:
        expires = utc_now() + timedelta(hours=1)
        lent = QueueCredentials(access_key_id=key, secret_access_key="s", session_token="t", expires=expires)
    return WakeUpQueue(work_queue_name="fast", url="https://sqs/q", region="eu-south-2", credentials=lent)


def test_lent_credentials_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are signed with what the server lent, whatever the agent has itself."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    signer = sqs._open_client(queue("lent"))._request_signer  # type: ignore[attr-defined]
    assert ("lent", "s", "t") == tuple(signer._credentials.get_frozen_credentials())[:3]


def test_without_lent_ones_the_agent_uses_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A role, a profile or variables are found as boto3 finds them."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
    signer = sqs._open_client(queue(None))._request_signer  # type: ignore[attr-defined]
    assert "own" == signer._credentials.access_key


def test_new_credentials_make_a_new_client() -> None:
    """What is lent later replaces what will end; the same credentials keep the connections."""
    keys = [sqs._key_of(queue(key)) for key in ("one", "one", "two", None)]
    assert [("eu-south-2", key) for key in ("one", "one", "two", None)] == keys
