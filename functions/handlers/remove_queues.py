"""The SQS queues that were made at run time: removed with the stack that made them.

Called by CloudFormation, as a custom resource.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio_server.adapters.aws.cloud_settings import required
from alisio_server.adapters.aws.function_logs import logged_call, logger
from alisio_server.adapters.aws.sqs import remove_queues


def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Remove the queues of all work queues where the stack is deleted; do nothing where it is made or changed.

    Args:
        event: What the provider framework of the CDK passes on: `RequestType` and more.
        context: Lambda's context.

    Returns:
        `PhysicalResourceId`.
    """
    prefix = required(os.environ, "ALISIO_SQS_PREFIX")
    if event["RequestType"] == "Delete":
        with logged_call(context):
            logger.info("%d queues are removed", remove_queues(boto3.client("sqs"), prefix))
    return {"PhysicalResourceId": prefix}
