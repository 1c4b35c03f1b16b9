"""AWS as the commands see it: clients of boto3, whose failures become one line each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from alisio.cloud.errors import CloudError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_DENIED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
_BAD_CREDENTIALS = (
    *("ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch"),
    *("UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure"),
)


@dataclass(frozen=True)
class Account:
    """Who the caller is.

    Attributes:
        id: The twelve digits of the account.
        region: Where stacks are deployed.
    """

    id: str
    region: str


class Aws:
    """Clients of AWS in one region, with the credentials and the endpoint that boto3 finds by itself.

    Raises:
        CloudError: boto3 is not installed, or no region is named.
    """

    def __init__(self) -> None:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            message = "this command needs boto3: install it with `pip install 'alisio[cloud]'`"
            raise CloudError("aws_not_installed", message) from error
        with aws_errors():
            # The CDK and the other SDKs read AWS_REGION, boto3 by itself does not.
            self._session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        self._config = Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 3})
        if self._session.region_name is None:
            message = "no AWS region is named: set AWS_REGION, or `region` in the AWS profile"
            raise CloudError("aws_region_missing", message)
        self.region: str = self._session.region_name

    def client(self, service: str) -> Any:
        """Make a client of a service, such as `cloudformation`.

        Raises:
            CloudError: boto3 cannot make it of what it finds.
        """
        with aws_errors():
            try:
                return self._session.client(service, config=self._config)
            except ValueError as error:
                message = f"AWS cannot be used: {str(error).rstrip('.')}; see AWS_ENDPOINT_URL"
                raise CloudError("aws_not_usable", message) from error

    @cached_property
    def account(self) -> Account:
        """Who the caller is, which AWS is asked.

        Raises:
            CloudError: There are no credentials, or AWS does not take them.
        """
        with aws_errors():
            answer = self.client("sts").get_caller_identity()
        return Account(answer["Account"], self.region)

    @property
    def endpoint(self) -> str | None:
        """What stands in for AWS; None: AWS itself."""
        return os.environ.get("AWS_ENDPOINT_URL") or None


@contextmanager
def aws_errors() -> Iterator[None]:
    """Turn what boto3 raises into one line.

    Raises:
        CloudError: Something of AWS failed inside.
    """
    from botocore import exceptions

    try:
        yield
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.TokenRetrievalError) as error:
        message = "there are no AWS credentials: run `aws configure sso` or `aws login`, or set AWS_PROFILE"
        raise CloudError("aws_credentials_missing", message) from error
    except exceptions.ProfileNotFound as error:
        message = f"{str(error).rstrip('.')}: see AWS_PROFILE and ~/.aws/config"
        raise CloudError("aws_profile_not_found", message) from error
    except exceptions.EndpointConnectionError as error:
        where = os.environ.get("AWS_ENDPOINT_URL") or "the network"
        message = f"AWS does not answer: {str(error).rstrip('.')}; see {where}"
        raise CloudError("aws_unreachable", message) from error
    except exceptions.ClientError as error:
        raise _refusal(error) from error
    except exceptions.BotoCoreError as error:
        raise CloudError("aws_not_usable", f"AWS cannot be used: {str(error).rstrip('.')}") from error


def error_code(error: ClientError) -> str:
    """Tell AWS's word for what it refused."""
    return str(error.response["Error"]["Code"])


def _refusal(error: ClientError) -> CloudError:
    code, reason = error_code(error), error.response["Error"].get("Message", "").rstrip(".")
    if code in _BAD_CREDENTIALS:
        return CloudError(
            "aws_credentials_refused", f"AWS does not take the credentials ({code}): sign in anew, or see AWS_PROFILE"
        )
    if code in _DENIED:
        return CloudError("aws_denied", f"AWS does not allow {error.operation_name}: {reason or code}")
    return CloudError("aws_refused", f"AWS refuses {error.operation_name} ({code}): {reason}")
