"""Bringing a stage up, comparing it and taking it away: checks first, then the CDK, then what CloudFormation says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from alisio.cloud.aws import Aws
from alisio.cloud.cdk import Cdk, CdkFailedError
from alisio.cloud.errors import CloudError
from alisio.cloud.stacks import find_stacks, first_failure, is_bootstrapped, not_deployed

# The clocks of this machine and of AWS differ.
_SKEW = timedelta(minutes=1)


class StageDeployment:
    """One stage, in the account and region of the caller.

    Args:
        stage: Its name in `cdk/stages.py`.
        say: Shows a line to the user.
        context: More of what the app is told.

    Raises:
        CloudError: There are no credentials, or a tool is missing.
    """

    def __init__(self, stage: str, say: Callable[[str], None], context: Mapping[str, str] | None = None) -> None:
        self._stage = stage
        self._say = say
        self._aws = Aws()
        account = self._aws.account
        self._environment = f"aws://{account.id}/{account.region}"
        self._cdk = Cdk({"stage": stage, **(context or {})}, say, {"AWS_REGION": account.region})

    def deploy(self, *, bootstrap: bool = False) -> None:
        """Deploy all stacks of the stage.

        Args:
            bootstrap: Whether to prepare the account and region for the CDK first, where nobody has.

        Raises:
            CloudError: The account is not prepared, or a stack failed; it was rolled back then.
        """
        if not is_bootstrapped(self._aws):
            if not bootstrap:
                where = f"account {self._aws.account.id}, region {self._aws.region}"
                message = f"{where} is not prepared for the CDK: run this command again with --bootstrap, once"
                raise CloudError("aws_not_bootstrapped", message)
            self._cdk.bootstrap(self._environment)
        self._change("deploy", "--all", "--require-approval", "never", "--progress", "events")

    def differs(self) -> bool:
        """Show in what the stage differs from what is deployed, and tell whether it does.

        Raises:
            CloudError: The CDK cannot tell.
        """
        return self._cdk.differs()

    def destroy(self) -> None:
        """Destroy all stacks of the stage.

        Raises:
            CloudError: There are none, or one cannot be destroyed.
        """
        if not find_stacks(self._aws, self._stage):
            raise not_deployed(self._aws, self._stage)
        self._change("destroy", "--all", "--force")

    def _change(self, *arguments: str) -> None:
        started = datetime.now(UTC) - _SKEW
        try:
            self._cdk.run(*arguments)
        except CdkFailedError as error:
            reason = None
            with suppress(CloudError):
                reason = first_failure(self._aws, self._stage, started)
            if reason is None:
                raise
            message = f"stage {self._stage} was not changed: {' '.join(reason.split())}"
            raise CloudError("stack_failed", message) from error
