"""Logging in to a stage: its address from the stack, its admin key from Secrets Manager, both into a profile."""

from __future__ import annotations

from dataclasses import dataclass

from alisio.cloud.aws import Aws, aws_errors, error_code
from alisio.cloud.errors import CloudError
from alisio.cloud.stacks import read_outputs


@dataclass(frozen=True)
class Access:
    """What a client needs.

    Attributes:
        api_url: The API's address, which ends in `/api`.
        api_key: A key of the role `admin`.
    """

    api_url: str
    api_key: str


def read_access(aws: Aws, stage: str) -> Access:
    """Read the address of a stage's API and its first admin key, with the caller's rights on AWS.

    Raises:
        CloudError: The stage is not deployed, or the caller may not read the key.
    """
    outputs = read_outputs(aws, stage)
    missing = [name for name in ("ApiUrl", "ApiId", "AdminKeySecretArn") if name not in outputs]
    if missing:
        message = f"the stacks of stage {stage} do not tell {' and '.join(missing)}: see `alisio cloud status`"
        raise CloudError("stage_incomplete", message)
    return Access(api_url(aws, outputs), _read_key(aws, outputs["AdminKeySecretArn"]))


def api_url(aws: Aws, outputs: dict[str, str]) -> str:
    """Tell where the API of a stage answers; an emulator has it under its own address."""
    if aws.endpoint is None:
        return outputs["ApiUrl"]
    return f"{aws.endpoint.rstrip('/')}/_aws/execute-api/{outputs['ApiId']}/$default/api"


def _read_key(aws: Aws, arn: str) -> str:
    from botocore.exceptions import ClientError

    with aws_errors():
        try:
            text = aws.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
        except ClientError as error:
            if error_code(error) != "ResourceNotFoundException":
                raise
            message = f"the admin key {arn} is gone: make another with a key that is left, `alisio api-key create`"
            raise CloudError("admin_key_missing", message) from error
    return str(text)
