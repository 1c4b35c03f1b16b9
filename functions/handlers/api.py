"""The API: called by API Gateway with each request (payload format 2.0)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio_server.adapters.aws.function_logs import ids_of_request, logged_call, logger
from alisio_server.adapters.aws.opening import open_api
from alisio_server.app import get_resolver
from alisio_server.events import with_encoded_path

# While the environment starts, so that its snapshot holds the routes.
get_resolver()


def handler(event: dict[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    """Answer a request.

    Args:
        event: The request.
        context: Lambda's context.

    Returns:
        The answer, as API Gateway takes it.
    """
    began = time.monotonic()
    with logged_call(context, **ids_of_request(event)):
        answer = open_api().resolve(with_encoded_path(event), context)
        http = event["requestContext"]["http"]
        milliseconds = round((time.monotonic() - began) * 1000)
        logger.info(
            "%s %s %d", http["method"], event["rawPath"], answer["statusCode"], extra={"milliseconds": milliseconds}
        )
    # An answer without a body has an empty one there.
    return {**answer, "body": answer.get("body") or ""}
