"""The API where it is no server: the stage `local`, deployed to an AWS that ministack plays."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
import psutil

from tests.e2e.backends import ALISIO, clean_environment
from tests.ministack import Ministack

PREFIX = "alisio-local"
_STAGE = ("--stage", "local")
_DEPLOY_SECONDS = 300
_START_SECONDS = 10.0


class Functions:
    """The functions of a stage, with all that is around them.

    Args:
        aws: What plays AWS.
        folder: Of what deploys.

    Attributes:
        path: Where the API answers, at ministack's own address.
        key: A key of the role `admin`.
    """

    def __init__(self, aws: Ministack, folder: Path) -> None:
        self.path = ""
        self.key = ""
        self._aws = aws
        self._environment = clean_environment(folder / "deployer") | aws.environment

    def deploy(self, database_url: str) -> None:
        """Deploy the stage on a database, as users do."""
        self._alisio("cloud", "deploy", *_STAGE, "--bootstrap", "--database-url", database_url)
        told = json.loads(self._alisio("cloud", "outputs", *_STAGE, "--output", "json"))
        self.path = f"/_aws/execute-api/{told['ApiId']}/$default/api"
        secret = self._client("secretsmanager").get_secret_value(SecretId=told["AdminKeySecretArn"])
        self.key = str(secret["SecretString"])

    def processes(self) -> list[psutil.Process]:
        """List the processes in which functions run at the moment, without those that are still starting.

        Where one dies as it starts, ministack takes from all others of its function the code that they are reading.
        AWS does nothing of the kind, and here the API would not come back.
        """
        return [process for process in psutil.Process(self._aws.pid).children(recursive=True) if _has_started(process)]

    def tick(self) -> None:
        """Have the clockwork's function called, as EventBridge does when it delivers once more."""
        event = json.dumps({"source": "clockwork"}).encode()
        self._client("lambda").invoke(
            FunctionName=f"{PREFIX}-tick", Qualifier="live", InvocationType="Event", Payload=event
        )

    def empty_queues(self) -> int:
        """Remove every message from the queues of work pools, and tell how many queues there are."""
        sqs = self._client("sqs")
        urls = sqs.list_queues(QueueNamePrefix=f"{PREFIX}-").get("QueueUrls", [])
        for url in urls:
            sqs.purge_queue(QueueUrl=url)
        return len(urls)

    def alarms(self) -> list[float]:
        """Find in the log of the tick when leases were moved on, by this machine's monotonic clock."""
        logs = self._client("logs")
        events = logs.filter_log_events(logGroupName=f"/aws/lambda/{PREFIX}-tick", filterPattern="ALARM")["events"]
        began = time.time() - time.monotonic()
        return sorted(event["timestamp"] / 1000 - began for event in events if "ALARM: " in event["message"])

    def _alisio(self, *arguments: str) -> str:
        done = subprocess.run(
            [*ALISIO, *arguments], env=self._environment, capture_output=True, text=True, timeout=_DEPLOY_SECONDS
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout

    def _client(self, service: str) -> Any:
        given = self._aws.environment
        return boto3.client(
            service,
            endpoint_url=self._aws.url,
            region_name=given["AWS_DEFAULT_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )


def _has_started(process: psutil.Process) -> bool:
    try:
        is_function = process.environ().get("AWS_LAMBDA_FUNCTION_NAME", "").startswith(f"{PREFIX}-")
        return is_function and time.time() - process.create_time() > _START_SECONDS
    except psutil.Error:
        return False
