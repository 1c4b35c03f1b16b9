"""What the routes share: the services of the request, and how they describe themselves in the OpenAPI document."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import Annotated, Any, NewType, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import ApiGatewayResolver, Router
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BeforeValidator

from alisio.contract.base import MAX_PAGE, ErrorBody
from alisio_server.access.gate import forbidden
from alisio_server.access.rules import RULES, Access, Rule
from alisio_server.events import raw_body, storable
from alisio_server.services import Services

Base64 = NewType("Base64", str)
Handler = TypeVar("Handler", bound=Callable[..., Any])
NextMiddleware = Callable[[ApiGatewayResolver], Response[Any]]
Middleware = Callable[[ApiGatewayResolver, NextMiddleware], Response[Any]]

_ERRORS = {
    400: "The request cannot be read.",
    401: "There is no API key, or none that may be used.",
    403: "The role of the API key does not allow it.",
    404: "There is no such thing.",
    409: "It does not fit the present state of things.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A field cannot be used; `field` names it.",
    429: "Too many wrong API keys came from there.",
    500: "A fault of the server; its log says more.",
    503: "The database, or what else the server needs for it, cannot be used at the moment.",
    507: "The object store cannot be written.",
}
_ALWAYS = (400, 422, 500, 503)
_WITH_BODY = (413, 415)
_WITHOUT_KEY = (401, 429)
_FORBIDDEN = 403
_REDIRECTS = 300
_NO_CONTENT: dict[str, Any] = {"content": {}}  # without the key Powertools would describe a body
SECURITY_SCHEME = "ApiKey"
"""The name of the keys in the OpenAPI document."""

PathName = Annotated[str, BeforeValidator(lambda text: storable(unquote(unquote(text))))]
"""A name in a path. Names hold no percent sign, so one that API Gateway has decoded already comes to no harm, and one
with a question mark may come encoded twice: API Gateway forgets what follows one that is encoded once."""

PageLimit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Rows a page.")]
PageCursor = Annotated[str | None, Query(max_length=500, description="`next_cursor` of the page before.")]


class Resource:
    """The routes of one resource.

    A handler's name is its operation id, the first line of its docstring its summary, and the model that it
    returns its answer; so what is documented is what is done.

    Attributes:
        router: What the app includes.
    """

    def __init__(self, tag: str) -> None:
        self.router = Router()  # type: ignore[no-untyped-call] # Powertools annotates all but this
        self._tag = tag

    @property
    def services(self) -> Services:
        """The services that the request in hand works with."""
        services: Services = self.router.context["services"]
        return services

    @property
    def body(self) -> bytes:
        """The raw body of the request in hand."""
        return raw_body(self.router.current_event.raw_event)

    def route(
        self,
        method: str,
        path: str,
        *,
        access: Access,
        status: int = 200,
        also: Mapping[int, str] | None = None,
        errors: Iterable[int] = (),
        extensions: dict[str, Any] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Add a route.

        Args:
            method: The HTTP method.
            path: With `<parameters>`.
            access: What it is for, and so who may use it.
            status: The status of an answer.
            also: Other statuses, with the same body where they are no redirects, and what they mean.
            errors: Statuses of errors besides those that every route can give.
            extensions: Keys to lay over the operation in the OpenAPI document.
        """

        def add(handler: Handler) -> Handler:
            content = _content(_returned_by(handler))
            meanings = {status: "Done.", **(also or {})}
            responses: dict[int, Any] = {
                code: {"description": said, **(content if code < _REDIRECTS else _NO_CONTENT)}
                for code, said in meanings.items()
            }
            for code in sorted({*_ALWAYS, *_common_errors(method, access), *errors}):
                responses[code] = {"description": _ERRORS[code], "content": _json(ErrorBody)}
            rule = Rule(method, path, access, handler.__name__)
            RULES.add(rule)
            register = self.router.route(
                path,
                method,
                summary=(handler.__doc__ or "").partition("\n")[0].removesuffix("."),
                operation_id=rule.action,
                tags=[self._tag],
                responses=responses,
                status_code=status,
                openapi_extensions=extensions,
                security=[] if access is Access.PUBLIC else [{SECURITY_SCHEME: []}],
                middlewares=[_demand(rule)],
            )
            return register(handler)

        return add


def _common_errors(method: str, access: Access) -> Iterator[int]:
    if method in ("POST", "PUT", "PATCH"):
        yield from _WITH_BODY
    if access is not Access.PUBLIC:
        yield from _WITHOUT_KEY
        if access.roles != Access.READ.roles:
            yield _FORBIDDEN


def _demand(rule: Rule) -> Middleware:
    """Check once more what the gate has checked, on the route that was in fact taken."""

    def check(app: ApiGatewayResolver, next_middleware: NextMiddleware) -> Response[Any]:
        services: Services = app.context["services"]
        if services.caller.role not in rule.access.roles or (rule.is_change and services.change is None):
            raise forbidden(services.caller, rule.access, rule.action)
        return next_middleware(app)

    return check


def _returned_by(handler: Callable[..., Any]) -> Any:
    """Read the type that a handler is said to return, and not those of what it takes, which its route reads later."""
    only = SimpleNamespace(__annotations__={"return": handler.__annotations__["return"]})
    return get_type_hints(only, handler.__globals__)["return"]


def _content(returned: Any) -> dict[str, Any]:
    answer = get_args(returned)[0] if get_origin(returned) is Response else returned
    if answer is type(None):
        return _NO_CONTENT
    if answer is Base64:
        return {"content": BINARY}
    return {"content": _json(answer)}


def _json(model: Any) -> dict[str, Any]:
    return {"application/json": {"model": model}}


BINARY: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
"""The content of a request or an answer that is bytes, for the OpenAPI document."""


def binary(content: bytes) -> Response[Base64]:
    """Make an answer of bytes. Powertools checks answers as JSON, so they pass through it as API Gateway wants them."""
    body = Base64(base64.b64encode(content).decode())
    response = Response(status_code=200, content_type="application/octet-stream", body=body)
    response.base64_encoded = True
    return response


def no_content() -> Response[None]:
    """Make an answer of status 204."""
    return Response(status_code=204)
