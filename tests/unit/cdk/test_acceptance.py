"""The stacks before a CloudFormation: not AWS's own, but one that resolves references and makes most resources."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.ministack import PROGRAM, REGION, Ministack
from tests.unit.cdk.conftest import Synthesized

_NOT_MADE = (
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::EC2::EIP",
    "AWS::EC2::FlowLog",
    "AWS::EC2::NatGateway",
    "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::ECS::ClusterCapacityProviderAssociations",
    "AWS::RDS::DBProxy",
    "AWS::RDS::DBProxyTargetGroup",
    # Their functions have no code here; those of the stage `local` run for real in `make test-cloud`.
    "Custom::Migrations",
    "Custom::Removal",
)
"""What ministack does not know; it takes them for made."""
_ASSETS = f"cdk-hnb659fds-assets-000000000000-{REGION}"
_BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
_IN_TIME = {"Delay": 1, "MaxAttempts": 60}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """A function that makes clients of a ministack, in an account that the CDK has bootstrapped as far as is needed."""
    if not Ministack.is_installed():
        pytest.skip("ministack is not installed: make unit")
    launcher = Path(__file__).with_name("accepting_ministack.py")
    command = (str(PROGRAM.with_name("python")), str(launcher), *_NOT_MADE)
    aws = Ministack(tmp_path_factory.mktemp("ministack"), command)
    aws.start()
    try:
        _open(aws, "ssm").put_parameter(Name=_BOOTSTRAP_VERSION, Value="99", Type="String")
        _open(aws, "s3").create_bucket(Bucket=_ASSETS, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield lambda service: _open(aws, service)
    finally:
        aws.stop()


def _open(aws: Ministack, service: str) -> Any:
    given = aws.environment
    return boto3.client(
        service,
        endpoint_url=aws.url,
        region_name=REGION,
        aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
    )


@pytest.mark.parametrize("stage", ["dev", "prod", "options"])
def test_cloudformation_makes_and_deletes_all_stacks_of_a_stage(
    stage: str, synthesize: Callable[[str], Synthesized], client: Callable[[str], Any]
) -> None:
    """In the order in which they need each other, every reference between them is found, and none keeps another."""
    synthesized, cloudformation = synthesize(stage), client("cloudformation")
    _upload_assets(client("s3"), synthesized)

    for name, template in synthesized.templates.items():
        _create(cloudformation, name, template)

    assert {"network", "database", "core", "agents", "ui"} == {
        name.removeprefix(f"alisio-{stage}-") for name in synthesized.templates
    }
    for name in reversed(synthesized.templates):
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig=_IN_TIME)


def _create(cloudformation: Any, name: str, template: dict[str, Any]) -> None:
    """Make a stack; where that fails, fail with what CloudFormation says of each resource."""
    named = ["CAPABILITY_NAMED_IAM"]
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=named)
    try:
        cloudformation.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig=_IN_TIME)
    except Exception:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        failed = [event for event in events if event["ResourceStatus"].endswith("FAILED")]
        pytest.fail("\n".join(f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}" for event in failed))


def _upload_assets(s3: Any, synthesized: Synthesized) -> None:
    """Put an empty archive where each function's code is looked for."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as empty:
        empty.writestr("empty.py", "")
    for file in synthesized.folder.glob("*.assets.json"):
        for asset in json.loads(file.read_text())["files"].values():
            for place in asset["destinations"].values():
                s3.put_object(Bucket=_ASSETS, Key=place["objectKey"], Body=archive.getvalue())
