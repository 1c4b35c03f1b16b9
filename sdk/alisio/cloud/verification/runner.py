"""Running the checks one after another: one that fails, or cannot be made, keeps no other from being made."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from alisio.client import Client
from alisio.cloud.aws import Aws, aws_errors
from alisio.cloud.login import read_access
from alisio.cloud.stacks import read_outputs
from alisio.cloud.verification import access, agents, clocks, database
from alisio.cloud.verification.subject import Check, CheckError, Finding, SkippedError, Subject
from alisio.exceptions import AlisioError

CHECKS: Mapping[str, Check] = {
    "the API speaks TLS": access.check_tls,
    "the API wants a key": access.check_keys,
    "IAM narrows lent credentials": access.check_lent_credentials,
    "the database is private and wants TLS": database.check_instance,
    "RDS Proxy reaches the database": database.check_proxy,
    "SnapStart restores quickly": clocks.check_snapshots,
    "SQS delays are exact": clocks.check_delays,
    "EventBridge Scheduler fires": clocks.check_scheduler,
    "the clockwork ticks": clocks.check_tick,
    "an agent starts on Fargate": agents.check_fargate,
}


def verify_stage(aws: Aws, stage: str, say: Callable[[str], None]) -> list[Finding]:
    """Make all checks of a stage; what they make, they remove.

    Args:
        aws: The account.
        stage: The stage.
        say: Shows a line to the user.

    Returns:
        What each of them found, in the order of `CHECKS`.

    Raises:
        CloudError: The stage is not deployed, or its key cannot be read.
    """
    outputs, way_in = read_outputs(aws, stage), read_access(aws, stage)
    findings = []
    with Client.over_http(way_in.api_url, way_in.api_key) as client:
        subject = Subject(aws, stage, outputs, way_in, client)
        for name, check in CHECKS.items():
            say(f"{name} …")
            findings.append(_make(name, check, subject))
    return findings


def _make(name: str, check: Check, subject: Subject) -> Finding:
    try:
        with aws_errors():
            return Finding(name, "passed", check(subject))
    except SkippedError as reason:
        return Finding(name, "skipped", str(reason))
    except (CheckError, AlisioError) as error:
        return Finding(name, "failed", str(error))
