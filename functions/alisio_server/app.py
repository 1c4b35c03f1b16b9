"""The API as one object: an event of API Gateway in, its answer out. Lambda calls it, and so does `asgi`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from alisio_server.access.gate import Gate, KeyGate
from alisio_server.events import Event, read_json, refuse_form, unpacked
from alisio_server.routes import (
    agents,
    api_keys,
    artifact_data,
    artifacts,
    assets,
    audit,
    block_documents,
    block_types,
    bundles,
    concurrency_limits,
    deployments,
    flow_runs,
    flows,
    logs,
    run_control,
    server,
    task_runs,
    user_events,
    variables,
    work_pools,
    work_queues,
)
from alisio_server.routes.failures import answer_failure, may_try_again
from alisio_server.routes.support import SECURITY_SCHEME
from alisio_server.services import Services

_TITLE = "Alisio"
_API_VERSION = "1"
_DESCRIPTION = "Flows, their deployments and their runs. Every error has the body `ErrorBody`."
_MODULES = (
    flows, deployments, flow_runs, run_control, task_runs, logs, work_pools, work_queues, agents, bundles,
    block_types, block_documents, server, api_keys, audit, variables, artifacts, artifact_data, assets,
    user_events, concurrency_limits,
)  # fmt: skip

# How often a request is tried whose transaction the database gave up for the sake of others.
_TRIES = 3

# The resolver keeps the event in hand on its class: one process answers one event at a time.
_one_at_a_time = threading.Lock()
_composing = threading.Lock()


class Api:
    """The routes, with the services they work with.

    Args:
        services: Those services.
        gate: What requests must pass; that of API keys where none is given.
    """

    def __init__(self, services: Services, gate: Gate | None = None) -> None:
        self._services = services
        self._gate = gate or KeyGate(services)
        self._resolver = get_resolver()

    def resolve(self, event: Event, context: LambdaContext | None = None) -> Mapping[str, Any]:
        """Answer an event of an HTTP API, payload format 2.0.

        Args:
            event: The event.
            context: Lambda's context, where there is one.

        Returns:
            `statusCode`, `headers`, `body` and `isBase64Encoded`. No error is raised.
        """
        try:
            refuse_form(event)
            event = unpacked(event)
            services = self._gate.admit(event, self._services)
        except Exception as error:
            return _refusal(error)
        if not services.database.is_sqlite:
            # Its commits wait for a disk or a network, in which time others may have their turn. SQLite has one writer.
            services = replace(services, endings=[])
        with _one_at_a_time:
            for _ in range(_TRIES):
                self._resolver.context["services"] = services
                answer = self._resolver.resolve(event, context or LambdaContext())
                if services.endings or not may_try_again(answer):
                    break
        try:
            for end in services.endings or ():
                end()
        except Exception as error:
            return _refusal(error)
        return answer

    def refuse(self, event: Event) -> Mapping[str, Any] | None:
        """Answer a request of which only the head is read yet, where it may not pass the gate.

        Args:
            event: The request, without its body.

        Returns:
            The refusal, as `resolve` gives it; None where its body may be read.
        """
        try:
            self._gate.admit(event, self._services)
        except Exception as error:
            return _refusal(error)
        return None


def _refusal(error: Exception) -> Mapping[str, Any]:
    refusal = answer_failure(error)
    return {"statusCode": refusal.status_code, "headers": refusal.headers, "body": refusal.body}


def get_resolver() -> APIGatewayHttpResolver:
    """Give the routes, composed at the first call, which several threads may make at once."""
    with _composing:
        return _compose()


@cache
def _compose() -> APIGatewayHttpResolver:
    """Compose the routes. Routers hold their resolver, so there is one of it in a process."""
    resolver = APIGatewayHttpResolver(enable_validation=True, debug=False, json_body_deserializer=_read_body)
    resolver.exception_handler(Exception)(answer_failure)
    for module in _MODULES:
        resolver.include_router(module.resource.router)

    # These describe the resolver itself, so they cannot be routes of a router.
    @resolver.get("/api/openapi.json", include_in_schema=False, compress=True)
    def get_openapi() -> Response[str]:
        return Response(status_code=200, content_type="application/json", body=openapi_json())

    @resolver.get("/", include_in_schema=False)
    def get_root() -> Response[None]:
        return Response(status_code=307, headers={"Location": "/docs"})

    @resolver.get("/docs", include_in_schema=False, compress=True)
    def get_docs() -> Response[str]:
        return Response(status_code=200, content_type="text/html; charset=utf-8", body=docs_page())

    return resolver


def _read_body(body: str | bytes) -> dict[str, Any]:
    """Read the body of the request in hand, and take note of its fields where the audit log is to name them."""
    value = read_json(body)
    services: Services = get_resolver().context["services"]
    if services.change is not None:
        services.change.fields = tuple(value)
    return value


@cache
def openapi_json() -> str:
    """Write the OpenAPI document of the routes."""
    # Its models take a tenth of a function's start to import, and hardly a request needs them.
    from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

    scheme = HTTPBearer(description="An API key; none is wanted before the first one was made.")
    document: str = get_resolver().get_openapi_json_schema(
        title=_TITLE, version=_API_VERSION, description=_DESCRIPTION, security_schemes={SECURITY_SCHEME: scheme}
    )
    return document


@cache
def docs_page() -> str:
    """Write the page for people: Swagger UI with its script and style inside, so it works without the internet."""
    from aws_lambda_powertools.event_handler.openapi import swagger_ui

    assets = files(swagger_ui)
    return swagger_ui.generate_swagger_html(
        spec=openapi_json().replace("</", "<\\/"),
        swagger_js=assets.joinpath("swagger-ui-bundle.min.js").read_text(encoding="utf-8"),
        swagger_css=assets.joinpath("swagger-ui.min.css").read_text(encoding="utf-8"),
        swagger_base_url="",
        oauth2_config=None,
    )
