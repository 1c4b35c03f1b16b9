"""The events and the context with which AWS calls functions, as its guides show them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aws_lambda_powertools.utilities.typing import LambdaContext


class Context(LambdaContext):
    """The context of a call."""

    def __init__(self) -> None:
        self._aws_request_id = str(uuid4())
        self._function_name = "alisio-test-function"


@dataclass
class Answer:
    """What API Gateway would make of a function's answer."""

    status: int
    headers: dict[str, str]
    body: str

    def json(self) -> Any:
        """Read the body."""
        return json.loads(self.body)


@dataclass
class Request:
    """A request as API Gateway passes it on (HTTP API, payload format 2.0)."""

    method: str
    path: str
    key: str | None = None
    body: Any = None
    id: str = field(default_factory=lambda: str(uuid4()))

    def event(self) -> dict[str, Any]:
        """Give the event."""
        headers = {"host": "abc.execute-api.eu-south-2.amazonaws.com", "x-forwarded-for": "203.0.113.7"}
        if self.key is not None:
            headers["authorization"] = f"Bearer {self.key}"
        if self.body is not None:
            headers["content-type"] = "application/json"
        http = {
            "method": self.method,
            "path": self.path,
            "protocol": "HTTP/1.1",
            "sourceIp": "203.0.113.7",
            "userAgent": "x",
        }
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": "ANY /{proxy+}",
            "rawPath": self.path,
            "rawQueryString": "",
            "headers": headers,
            "requestContext": {"stage": "$default", "requestId": self.id, "http": http},
            "isBase64Encoded": False,
        }
        return event if self.body is None else event | {"body": json.dumps(self.body)}


def dead_letters(*bodies: str) -> dict[str, Any]:
    """Give the event of a batch of messages of SQS, whose ids are their places."""
    return {
        "Records": [
            {
                "messageId": str(place),
                "receiptHandle": "handle",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-south-2:123456789012:alisio-test-dead-letters",
                "awsRegion": "eu-south-2",
            }
            for place, body in enumerate(bodies)
        ]
    }
