"""The stacks of a stage as they are in the account: their state, their outputs, their templates, and why one failed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from alisio.cloud.aws import Aws, aws_errors, error_code
from alisio.cloud.errors import CloudError

BOOTSTRAP_STACK = "CDKToolkit"
"""The stack that `cdk bootstrap` makes, once an account and region."""
_FAILED = ("CREATE_FAILED", "UPDATE_FAILED", "DELETE_FAILED")
_CANCELLED = "Resource creation cancelled"


@dataclass(frozen=True)
class DeployedStack:
    """A stack that is there.

    Attributes:
        name: Such as `alisio-dev-core`.
        status: CloudFormation's word, such as `UPDATE_COMPLETE`.
        updated: When it was changed last.
        outputs: What it tells, by name.
    """

    name: str
    status: str
    updated: datetime
    outputs: dict[str, str] = field(default_factory=dict)


def find_stacks(aws: Aws, stage: str) -> list[DeployedStack]:
    """Find the stacks of a stage, by name.

    Raises:
        CloudError: AWS cannot be asked.
    """
    prefix = f"alisio-{stage}-"
    with aws_errors():
        pages = aws.client("cloudformation").get_paginator("describe_stacks").paginate()
        found = [stack for page in pages for stack in page["Stacks"] if stack["StackName"].startswith(prefix)]
    return sorted(map(_read, found), key=lambda stack: stack.name)


def read_outputs(aws: Aws, stage: str) -> dict[str, str]:
    """Read what all stacks of a stage tell, by name.

    Raises:
        CloudError: AWS cannot be asked, or there are no such stacks.
    """
    stacks = find_stacks(aws, stage)
    if not stacks:
        raise not_deployed(aws, stage)
    return {name: value for stack in stacks for name, value in sorted(stack.outputs.items())}


def not_deployed(aws: Aws, stage: str) -> CloudError:
    """Say that a stage has no stacks."""
    where = f"account {aws.account.id}, region {aws.region}"
    message = f"stage {stage} is not deployed in {where}: deploy it with `alisio cloud deploy --stage {stage}`"
    return CloudError("stage_not_deployed", message)


def read_template(aws: Aws, stack: DeployedStack) -> dict[str, Any]:
    """Read the template that a stack was deployed from.

    Raises:
        CloudError: AWS cannot be asked.
    """
    with aws_errors():
        body = aws.client("cloudformation").get_template(StackName=stack.name)["TemplateBody"]
    return dict(body) if isinstance(body, Mapping) else dict(json.loads(body))


def is_bootstrapped(aws: Aws) -> bool:
    """Tell whether the CDK's own stack is in the account and region.

    Raises:
        CloudError: AWS cannot be asked.
    """
    from botocore.exceptions import ClientError

    with aws_errors():
        try:
            [stack] = aws.client("cloudformation").describe_stacks(StackName=BOOTSTRAP_STACK)["Stacks"]
        except ClientError as error:
            if error_code(error) == "ValidationError":
                return False
            raise
    return bool(stack["StackStatus"].endswith("_COMPLETE"))


def first_failure(aws: Aws, stage: str, since: datetime) -> str | None:
    """Tell what failed first in the stacks of a stage, and why.

    Args:
        aws: The account.
        stage: Whose stacks.
        since: Before it nothing counts.

    Returns:
        One line: stack, resource, reason. None where CloudFormation knows of no failure.

    Raises:
        CloudError: AWS cannot be asked.
    """
    failures = [
        (event["Timestamp"], f"{stack.name}, {event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}")
        for stack in find_stacks(aws, stage)
        for event in _events(aws, stack.name)
        if event["Timestamp"] >= since
        and event["ResourceStatus"] in _FAILED
        and _CANCELLED not in event.get("ResourceStatusReason", "")
    ]
    return min(failures)[1] if failures else None


def _events(aws: Aws, stack_name: str) -> Iterator[Mapping[str, Any]]:
    with aws_errors():
        pages = aws.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack_name)
        for page in pages:
            yield from page["StackEvents"]


def _read(stack: Mapping[str, Any]) -> DeployedStack:
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    updated = stack.get("LastUpdatedTime") or stack["CreationTime"]
    return DeployedStack(stack["StackName"], stack["StackStatus"], updated, outputs)
