"""Calls functions as Lambda does, and reads what they tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from alisio_server.adapters.aws import function_logs
from alisio_server.adapters.aws.opening import open_api, open_services
from alisio_server.database.engine import Database
from handlers import api
from tests.integration.aws.events import Answer, Context, Request

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from tests.integration.aws.conftest import Stage


@dataclass
class Cloud:
    """A deployed stage."""

    stage: Stage
    database: Database
    key: str
    sqs: SQSClient

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request with the admin's key to a path below /api."""
        return call(Request(method, f"/api{path}", self.key, body))

    def deploy(self, *schedules: dict[str, Any]) -> str:
        """Make the pool `cape` and a deployment; returns its id."""
        self.ask("POST", "/work-pools", {"name": "cape"})
        spec = {"flow_name": "f", "name": "d", "entrypoint": "f.py:f", "work_pool_name": "cape"}
        answer = self.ask("POST", "/deployments", {**spec, "schedules": list(schedules)})
        assert 200 == answer.status, answer.body
        return str(answer.json()["id"])

    def received(self) -> list[dict[str, Any]]:
        """Receive what is in the queue of the pool."""
        (queue,) = self.ask("GET", "/work-pools/cape/wake-ups").json()["queues"]
        messages = self.sqs.receive_message(QueueUrl=queue["url"], MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in messages]

    def entries(self) -> list[str]:
        """List the schedule entries."""
        found = boto3.client("scheduler").list_schedules(GroupName=self.stage.group)["Schedules"]
        return [entry["Name"] for entry in found]

    def execute(self, statement: Any) -> Any:
        """Execute a statement on the database, whatever the functions do."""
        with self.database.write() as connection:
            result = connection.execute(statement)
            return result.all() if result.returns_rows else None


def call(request: Request) -> Answer:
    """Send a request."""
    answer = api.handler(request.event(), Context())
    return Answer(answer["statusCode"], dict(answer["headers"]), answer["body"])


def metrics(output: str) -> dict[tuple[str, str | None], float]:
    """Read from what a function printed the metrics, by name and pool."""
    lines = [json.loads(line) for line in output.splitlines() if line.startswith('{"') and '"_aws"' in line]
    return {
        (metric["Name"], line.get("pool")): line[metric["Name"]][0]
        for line in lines
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }


def forget() -> None:
    """Let the next call be the first of a new environment."""
    for opened in (open_services, open_api, function_logs._formatter):
        opened.cache_clear()
