"""What was made at run time: removed with the stack that made it.

Called by CloudFormation, as a custom resource.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio_server.adapters.aws.calls import reached
from alisio_server.adapters.aws.cloud_settings import required
from alisio_server.adapters.aws.function_logs import logged_call, logger
from alisio_server.adapters.aws.s3 import empty_bucket
from alisio_server.adapters.aws.sqs import remove_queues

_ENDS = frozenset({"DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"})
"""The states of a stack that is destroyed, or whose making has failed: nothing of it stays."""


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Remove the queues of all work queues, and the objects of the bucket, where the stack goes.

    It does nothing where the stack is made or changed, nor where an update that made this resource is taken back.

    Args:
        event: What the provider framework of the CDK passes on: `RequestType`, `StackId` and more.
        context: Lambda's context.

    Returns:
        `PhysicalResourceId`.
    """
    prefix = required(os.environ, "ALISIO_SQS_PREFIX")
    if event["RequestType"] == "Delete":
        with logged_call(context):
            if _status_of(event["StackId"]) in _ENDS:
                _remove(prefix, os.environ.get("ALISIO_BUCKET"))
    return {"PhysicalResourceId": prefix}


def _status_of(stack_id: str) -> str:
    with reached("CloudFormation"):
        [stack] = boto3.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"]
    logger.info("the stack is %s", stack["StackStatus"])
    return str(stack["StackStatus"])


def _remove(prefix: str, bucket: str | None) -> None:
    logger.info("%d queues are removed", remove_queues(boto3.client("sqs"), prefix))
    if bucket is not None:
        logger.info("%d objects are removed", empty_bucket(boto3.client("s3"), bucket))
