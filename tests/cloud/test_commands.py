"""The commands on a cloud that is there: what they show, what they change, and that nothing is left in the end."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.cloud.place import GROUP, CloudPlace
from tests.e2e.backends import ALISIO, Backend
from tests.e2e.stack import Stack


def test_status_shows_the_stacks_and_what_they_cost(stack: Stack) -> None:
    """A row for each stack with its state; below it the cost of a month idle, and of 1,000 runs."""
    shown = stack.cli("cloud", "status", "--stage", "local", "--output", "json").json

    assert [("alisio-local-core", True)] == [
        (found["name"], found["status"].endswith("_COMPLETE")) for found in shown["stacks"]
    ]
    assert {"alarms", "keys", "secrets"} <= {line["what"] for line in shown["idle_month"]}
    assert "SQS messages" in {line["what"] for line in shown["thousand_runs"]}
    assert "alisio-local-core" in stack.cli("cloud", "status", "--stage", "local").out


def test_a_stage_that_is_not_there_is_one_line(stack: Stack) -> None:
    """It names account and region, and the command that deploys it."""
    line = stack.refused("cloud", "outputs", "--stage", "dev")

    assert "stage dev is not deployed in account 000000000000" in line
    assert "alisio cloud deploy --stage dev" in line


def test_verify_says_what_an_emulator_cannot_show(stack: Stack) -> None:
    """The real tests are made: what works here passes; what no emulator has fails or is left out, with its reason."""
    done = subprocess.run(
        [*ALISIO, "cloud", "verify", "--stage", "local", "--output", "json"],
        env=stack.backend.environment,
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert 1 == done.returncode, done.stderr
    result = {found["check"]: found["outcome"] for found in json.loads(done.stdout)}
    assert {
        "the API speaks TLS": "failed",
        "the API wants a key": "passed",
        "IAM narrows lent credentials": "failed",
        "the database is private and wants TLS": "skipped",
        "RDS Proxy reaches the database": "skipped",
        "SnapStart restores quickly": "skipped",
        "SQS delays are exact": "passed",
        "EventBridge Scheduler fires": "passed",
        "the clockwork ticks": "passed",
        "an agent starts on Fargate": "skipped",
    } == result


@pytest.mark.last
def test_destroy_leaves_nothing(backend: Backend, place: CloudPlace) -> None:
    """`cdk destroy` takes the stack with all that was made at run time: the queues of work pools, entries, bundles."""
    given = backend.environment | {"PATH": os.environ["PATH"]}
    command = [*ALISIO, "cloud", "destroy", "--stage", "local", "--database-url", place.cloud.database_url, "--yes"]

    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=600)

    assert 0 == done.returncode, done.stderr
    stacks = place.client("cloudformation").describe_stacks()["Stacks"]
    assert ["CDKToolkit"] == [stack["StackName"] for stack in stacks if stack["StackStatus"] != "DELETE_COMPLETE"]
    assert [] == place.client("sqs").list_queues(QueueNamePrefix=GROUP).get("QueueUrls", [])
    groups = [group["Name"] for group in place.client("scheduler").list_schedule_groups()["ScheduleGroups"]]
    assert GROUP not in groups
    functions = [function["FunctionName"] for function in place.client("lambda").list_functions()["Functions"]]
    assert [] == [name for name in functions if name.startswith(GROUP)]
    buckets = [bucket["Name"] for bucket in place.client("s3").list_buckets()["Buckets"]]
    assert [] == [name for name in buckets if name.startswith(GROUP)]
