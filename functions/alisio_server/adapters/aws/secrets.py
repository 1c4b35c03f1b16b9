"""Secrets of AWS Secrets Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alisio_server.adapters.aws.calls import reached

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_SERVICE = "AWS Secrets Manager"


class Secret:
    """One secret, read anew each time, as somebody may have turned it over.

    Args:
        client: Of the region of the secret.
        arn: Its ARN.
    """

    def __init__(self, client: SecretsManagerClient, arn: str) -> None:
        self._client = client
        self._arn = arn

    def read(self) -> str:
        """Read it; an empty text where it has no value yet.

        Raises:
            OSError: It cannot be read.
        """
        with reached(_SERVICE):
            try:
                return self._client.get_secret_value(SecretId=self._arn)["SecretString"]
            except self._client.exceptions.ResourceNotFoundException as error:
                # That is how a secret without a value answers; one that does not exist cannot be written either.
                if "AWSCURRENT" in str(error):
                    return ""
                raise

    def write(self, value: str) -> None:
        """Give it a new value.

        Raises:
            OSError: It cannot be written.
        """
        with reached(_SERVICE):
            self._client.put_secret_value(SecretId=self._arn, SecretString=value)


def open_secret(arn: str) -> Secret:
    """Open a secret, with the region, credentials and endpoint that boto3 finds by itself. It is not read yet."""
    import boto3

    from alisio_server.adapters.aws.calls import quick

    return Secret(boto3.client("secretsmanager", config=quick()), arn)
