"""Logs of functions: a line of JSON each, with the ids of the call, the request and the run that it is about."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter
from aws_lambda_powertools.utilities.typing import LambdaContext

_OURS = ("alisio", "alisio_server")
_RUN = re.compile(r"/api/flow-runs/([0-9a-fA-F-]{32,36})(?:/|$)")
_POOL = re.compile(r"/api/work-pools/([^/]+)(?:/|$)")

logger = logging.getLogger("alisio_server.functions")
"""What functions log with."""


@cache
def _formatter() -> LambdaPowertoolsFormatter:
    """Have every line that is logged in this process be JSON, and ours be written from the function's level on."""
    formatter = LambdaPowertoolsFormatter(service=os.environ.get("POWERTOOLS_SERVICE_NAME", "alisio"))
    root = logging.getLogger()
    if not root.handlers:  # Lambda has put one there
        root.addHandler(logging.StreamHandler(sys.stdout))
    for handler in root.handlers:
        handler.setFormatter(formatter)
    for name in _OURS:
        logging.getLogger(name).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    return formatter


@contextmanager
def logged_call(context: LambdaContext, **ids: str) -> Iterator[None]:
    """Have what is logged meanwhile carry the id of the call, and others.

    Args:
        context: Lambda's context.
        ids: What else the lines are to carry.
    """
    with logged_about(invocation_id=context.aws_request_id, **ids):
        yield


@contextmanager
def logged_about(**ids: str) -> Iterator[None]:
    """Have what is logged meanwhile carry ids."""
    with _formatter().append_context_keys(**ids):
        yield


def ids_of_request(event: Mapping[str, Any]) -> dict[str, str]:
    """Take out of a request what its log lines are to carry: its own id, and those of what it is about.

    Args:
        event: An event of an HTTP API.
    """
    ids = {"request_id": str(event["requestContext"].get("requestId", ""))}
    for name, pattern in (("flow_run_id", _RUN), ("pool", _POOL)):
        if found := pattern.match(event["rawPath"]):
            ids[name] = found[1]
    return ids
