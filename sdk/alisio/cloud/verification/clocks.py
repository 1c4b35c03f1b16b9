"""What has to be quick or on time: snapshots restored, messages delayed, entries fired, ticks made."""

from __future__ import annotations

import json
import statistics
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from alisio.cloud.aws import error_code
from alisio.cloud.verification.subject import CheckError, SkippedError, Subject

_AT_ONCE = 10
"""Requests that find no warm function."""
_RESTORE_MS = 2_000.0
_DELAY_SECONDS = 5
_DELAY_SLACK = 1.0
_FIRES_WITHIN = timedelta(minutes=2)
_LOGS_WITHIN = timedelta(minutes=3)
_LONGEST_GAP = timedelta(minutes=3)
_LOOK_SECONDS = 2.0


def check_snapshots(subject: Subject) -> str:
    """A function that starts for requests at once is restored from its snapshot within 2 s."""
    function = f"alisio-{subject.stage}-api"
    configuration = subject.aws.client("lambda").get_function_configuration(FunctionName=function, Qualifier="live")
    if configuration.get("SnapStart", {}).get("OptimizationStatus") != "On":
        raise SkippedError(f"{function} is not restored from snapshots")
    began = datetime.now(UTC)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda _: httpx.get(f"{subject.access.api_url}/health", timeout=30), range(_AT_ONCE)))
    found = _until(lambda: _restores(subject, function, began), _LOGS_WITHIN)
    if not found:
        raise CheckError(
            f"{_AT_ONCE} requests at once have restored no function; ask again when none has come for a while"
        )
    if max(found) > _RESTORE_MS:
        raise CheckError(f"the slowest of {len(found)} took {max(found):,.0f} ms, more than {_RESTORE_MS:,.0f} ms")
    return f"{len(found)} restored, median {statistics.median(found):,.0f} ms, worst {max(found):,.0f} ms"


def check_delays(subject: Subject) -> str:
    """A message with a delay of 5 s comes after 5 s, and within one more."""
    sqs = subject.aws.client("sqs")
    queue = sqs.create_queue(QueueName=f"{subject.outputs['SqsPrefix']}-verify-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    try:
        sqs.send_message(QueueUrl=queue, MessageBody="verify", DelaySeconds=_DELAY_SECONDS)
        sent = time.monotonic()
        received = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages")
        took = time.monotonic() - sent
    finally:
        sqs.delete_queue(QueueUrl=queue)
    if not received:
        raise CheckError(f"a message with a delay of {_DELAY_SECONDS} s did not come within 20 s")
    if not -_DELAY_SLACK < took - _DELAY_SECONDS < _DELAY_SLACK:
        raise CheckError(f"a message with a delay of {_DELAY_SECONDS} s came after {took:.2f} s")
    return f"a delay of {_DELAY_SECONDS} s took {took:.2f} s"


def check_scheduler(subject: Subject) -> str:
    """An entry in the stage's group, with the role of its entries, fires within 2 minutes of its time."""
    scheduler, group = subject.aws.client("scheduler"), subject.outputs["ScheduleGroup"]
    target = scheduler.get_schedule(Name=f"alisio-{subject.stage}-clockwork")["Target"]
    name = f"verify-{uuid.uuid4().hex[:8]}"
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    scheduler.create_schedule(
        Name=name,
        GroupName=group,
        ScheduleExpression=f"at({due:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": target["Arn"], "RoleArn": target["RoleArn"], "Input": target["Input"]},
    )
    # An entry that has fired is deleted, which is how its owner hears of it.
    if not _until(lambda: _is_gone(scheduler, group, name), _FIRES_WITHIN):
        scheduler.delete_schedule(Name=name, GroupName=group)
        raise CheckError(f"an entry due at {due:%H:%M:%S} UTC had not fired {_FIRES_WITHIN.seconds} s later")
    return f"an entry fired {(datetime.now(UTC) - due).total_seconds():.0f} s after it was due"


def check_tick(subject: Subject) -> str:
    """The last tick is not long ago, as the API tells from the database."""
    last = _until(lambda: subject.client.read_health().last_tick, _LONGEST_GAP)
    if last is None:
        raise CheckError(f"there has been no tick for {_LONGEST_GAP.seconds} s, and none before")
    age = datetime.now(UTC) - last
    if age > _LONGEST_GAP:
        raise CheckError(f"the last tick was {age.total_seconds():.0f} s ago")
    return f"the last tick was {age.total_seconds():.0f} s ago"


def _restores(subject: Subject, function: str, began: datetime) -> list[float]:
    """Read from the function's log how long it took to restore, in ms."""
    pages = (
        subject.aws.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{function}",
            startTime=int(began.timestamp() * 1000),
            filterPattern='{ $.type = "platform.report" }',
        )
    )
    metrics = [json.loads(event["message"])["record"]["metrics"] for page in pages for event in page["events"]]
    return [float(each["restoreDurationMs"]) for each in metrics if "restoreDurationMs" in each]


def _is_gone(scheduler: Any, group: str, name: str) -> bool:
    from botocore.exceptions import ClientError

    try:
        scheduler.get_schedule(Name=name, GroupName=group)
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return True
        raise
    return False


def _until(ask: Callable[[], Any], within: timedelta) -> Any:
    """Ask until the answer is true, and return the last answer."""
    deadline = time.monotonic() + within.total_seconds()
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
    return answer
