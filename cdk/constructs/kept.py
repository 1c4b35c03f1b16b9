"""What stands in several parts of the cloud and is kept in one way: logs, and buckets that only AWS reads from."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.stages import Stage

_LOG_DAYS = {
    1: logs.RetentionDays.ONE_DAY,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}
"""CloudWatch keeps logs for certain numbers of days only."""


def removal_policy(stage: Stage) -> RemovalPolicy:
    """Tell what becomes of data when the stacks of a stage are destroyed.

    What is kept is not when the making of its stack fails: its name would stand in the way of the next try.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if stage.keeps_data else RemovalPolicy.DESTROY


def make_log_group(scope: Construct, id: str, stage: Stage, name: str) -> logs.LogGroup:
    """Make a log group that keeps lines for as long as the stage says.

    Args:
        scope: Where it is made.
        id: Its name there.
        stage: Whose lines it keeps.
        name: Its name in CloudWatch.

    Raises:
        ValueError: CloudWatch keeps logs for other numbers of days only.
    """
    days = stage.functions.log_days
    if days not in _LOG_DAYS:
        raise ValueError(f"logs cannot be kept for {days} days: take one of {', '.join(map(str, _LOG_DAYS))}")
    return logs.LogGroup(
        scope, id, log_group_name=name, retention=_LOG_DAYS[days], removal_policy=removal_policy(stage)
    )


def make_private_bucket(scope: Construct, id: str, removal: RemovalPolicy, **options: Any) -> s3.Bucket:
    """Make a bucket that is encrypted, spoken to over TLS only, and open to nobody outside of the account.

    Args:
        scope: Where it is made.
        id: Its name there.
        removal: What becomes of it when its stack is destroyed.
        options: What else `aws_s3.Bucket` is told.
    """
    return s3.Bucket(
        scope,
        id,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        encryption=s3.BucketEncryption.S3_MANAGED,
        enforce_ssl=True,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        removal_policy=removal,
        **options,
    )
