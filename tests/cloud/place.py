"""What the local cloud is made of, for tests that look behind the API and break things there."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import psutil

from alisio.cloud.local.cloud import LocalCloud, find_local_cloud
from tests.e2e.backends import CloudBackend

GROUP = "alisio-local"
CLOCKWORK = "alisio-local-clockwork"
"""The minute's entry, which is in the group that every account has."""
_NOBODY = "http://127.0.0.1:9"


class CloudPlace:
    """AWS, the database and the functions of a local cloud.

    Args:
        backend: The cloud, which is up.
    """

    def __init__(self, backend: CloudBackend) -> None:
        self.backend = backend
        cloud = find_local_cloud(Path(backend.environment["ALISIO_HOME"]))
        assert cloud is not None, "the cloud is down"
        self.cloud: LocalCloud = cloud

    def client(self, service: str) -> Any:
        """Make a client of boto3 for the local cloud."""
        given = self.cloud.environment
        return boto3.client(
            service,
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
        )

    # EventBridge Scheduler

    def entries(self) -> list[str]:
        """List the names of the entries of users' schedules."""
        listed = self.client("scheduler").list_schedules(GroupName=GROUP, MaxResults=100)["Schedules"]
        return [entry["Name"] for entry in listed]

    def change_entry(self, name: str, group: str = GROUP, **changes: Any) -> None:
        """Change an entry, and leave all else of it as it is."""
        scheduler = self.client("scheduler")
        kept = ("ScheduleExpression", "FlexibleTimeWindow", "Target", "ActionAfterCompletion", "State", "Description")
        found = scheduler.get_schedule(Name=name, GroupName=group)
        given = {key: found[key] for key in kept if key in found} | changes
        scheduler.update_schedule(Name=name, GroupName=group, **given)

    @contextmanager
    def stopped_clockwork(self) -> Iterator[None]:
        """Keep the minute's tick from being called meanwhile; who wants that too, beside this process, waits."""
        with (Path(self.backend.environment["ALISIO_HOME"]) / "clockwork.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.change_entry(CLOCKWORK, "default", State="DISABLED")
            try:
                yield
            finally:
                self.change_entry(CLOCKWORK, "default", State="ENABLED")

    # Lambda

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        """Call a function as the cloud does, wait for its answer, and fail where it raised."""
        answer = self.client("lambda").invoke(
            FunctionName=_full_name(function), Qualifier="live", Payload=json.dumps(event).encode()
        )
        payload = answer["Payload"].read()
        assert "FunctionError" not in answer, payload
        return json.loads(payload)

    def tick(self) -> None:
        """Do what EventBridge does every minute."""
        self.call("tick", {"source": "clockwork"})

    @contextmanager
    def unreachable_sqs(self, *functions: str) -> Iterator[None]:
        """Have functions find nobody where SQS is meanwhile, by a version of theirs that looks for it elsewhere."""
        client = self.client("lambda")
        before = {name: client.get_alias(FunctionName=name, Name="live") for name in map(_full_name, functions)}
        for name in before:
            given = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
            broken = {"Variables": given | {"AWS_ENDPOINT_URL_SQS": _NOBODY}}
            client.update_function_configuration(FunctionName=name, Environment=broken)
            version = client.publish_version(FunctionName=name)["Version"]
            client.update_alias(FunctionName=name, Name="live", FunctionVersion=version)
            client.update_function_configuration(FunctionName=name, Environment={"Variables": given})
        try:
            yield
        finally:
            for name, alias in before.items():
                client.update_alias(FunctionName=name, Name="live", FunctionVersion=alias["FunctionVersion"])

    def function_processes(self, function: str) -> list[psutil.Process]:
        """List the processes in which a function runs at the moment."""
        name = _full_name(function)
        family = psutil.Process(self.cloud.aws.pid).children(recursive=True)
        return [process for process in family if _variable(process, "AWS_LAMBDA_FUNCTION_NAME") == name]

    # The database

    @contextmanager
    def frozen_database(self) -> Iterator[None]:
        """Have the database answer nothing meanwhile: neither those who are connected, nor those who come."""
        postmaster = psutil.Process(self.cloud.database.pid)
        family = [postmaster, *postmaster.children(recursive=True)]
        for process in family:
            process.suspend()
        try:
            yield
        finally:
            for process in family:
                if process.is_running():
                    process.resume()


def _full_name(function: str) -> str:
    return f"{GROUP}-{function}"


def _variable(process: psutil.Process, name: str) -> str | None:
    try:
        value: str | None = process.environ().get(name)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None
    return value
